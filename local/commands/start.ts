import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { LabError } from '../../domain/errors.ts';
import { labNames, labs, type RunningLab } from '../labs.ts';
import { type Laptop, startLaptop } from '../laptop.ts';
import { writeSession } from '../session.ts';
import { split } from './arguments.ts';
import { progressUntilAborted, rejectedWhenAborted, sayStopped } from './interruption.ts';

/**
 * `npm start [-- lab ...] [--once]`: starts the laptop, deploys and drives each lab, shows what happened; then stays up
 * until Ctrl-C, or with --once ends.
 */
export async function start(args: string[], signal: AbortSignal): Promise<number> {
  const { once, chosen } = options(args);
  const progress = progressUntilAborted(signal);
  const laptop = await startLaptop(progress);
  let session: { remove(): void } | undefined;
  let failed = true;
  try {
    const aborted = rejectedWhenAborted(signal);
    const running: RunningLab[] = [];
    for (const name of chosen) {
      const lab = labs[name];
      if (!lab) continue;
      running.push(await Promise.race([lab(laptop, progress), laptop.broken, aborted]));
    }
    failed = running.some((lab) => !lab.ok);
    if (!once) {
      session = writeSession(laptop, running);
      progress.line();
      progress.line('It stays up. Ctrl-C ends it and removes everything.');
      for (const line of [...running.flatMap((lab) => lab.connect), ...connections(laptop, running)])
        progress.line(line);
      await Promise.race([untilAborted(signal), laptop.broken]);
    }
    return failed ? 1 : 0;
  } finally {
    if (failed && !signal.aborted) laptop.runDirectory.keep();
    session?.remove();
    await laptop.stop();
    sayStopped(signal);
  }
}

function options(args: string[]): { once: boolean; chosen: string[] } {
  const { values, positionals } = split(() =>
    parseArgs({ args, options: { once: { type: 'boolean' } }, allowPositionals: true }),
  );
  const unknown = positionals.find((name) => !(name in labs));
  if (unknown !== undefined)
    throw new LabError('UsageInvalid', `no lab ${unknown}; there is ${labNames.join(', ')}`);
  return {
    once: values.once ?? false,
    chosen: positionals.length > 0 ? positionals : labNames,
  };
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

function connections(laptop: Laptop, running: RunningLab[]): string[] {
  return [
    'The AWS API, for the aws command line or any SDK:',
    `  export AWS_ENDPOINT_URL=${laptop.endpoint} AWS_REGION=${laptop.region} AWS_DEFAULT_REGION=${laptop.region}`,
    `  export AWS_ACCESS_KEY_ID=${laptop.clients.credentials.accessKeyId} AWS_SECRET_ACCESS_KEY=${laptop.clients.credentials.secretAccessKey}`,
    `  export AWS_CA_BUNDLE='${laptop.certificate.authority}' NODE_EXTRA_CA_CERTS='${laptop.certificate.authority}'`,
    ...running.map(
      ({ name, deployed }) =>
        `  export AWS_ENDPOINT_URL_REDSHIFT_DATA=${deployed.dataApi.endpoint} # the warehouse of ${name}`,
    ),
    `Logs: ${laptop.runDirectory.logs}`,
  ];
}
