/**
 * Sale conditions by which the tapes mark a trade as made before or after the regular session: Extended Hours Trade (Form T),
 * and Extended Hours Sold, which is one that was told late. CTA's and UTP's specifications; docs.alpaca.markets,
 * stocks/meta/conditions.
 */
const marks: ReadonlySet<unknown> = new Set(['T', 'U']);

/**
 * Whether a trade was made outside of the regular session, by the tape's word and not by the clock: what the closing auctions
 * trade is told seconds and minutes after 16:00, and belongs to the session.
 *
 * @param trade the provider's object, not checked
 */
export function isExtendedHours(trade: unknown): boolean {
  const conditions = (trade as { c?: unknown } | null | undefined)?.c;
  return Array.isArray(conditions) && conditions.some((condition) => marks.has(condition));
}
