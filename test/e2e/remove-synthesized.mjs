export default async function removeSynthesized() {
  // @ts-expect-error set by the global setup
  await globalThis.removeAfterRun?.();
}
