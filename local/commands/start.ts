import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { Progress } from '../core/progress.ts';
import { labNames, labs, type RunningLab } from '../labs.ts';
import { type Laptop, startLaptop } from '../laptop.ts';
import { writeSession } from '../session.ts';
import { argumentsOf } from './arguments.ts';
import { progressUntilAborted, rejectedWhenAborted, sayStopped } from './interruption.ts';

const usage = `npm start
npm start -- [LAB...] [--once]

Starts the laptop, deploys and drives each lab that is named, or every one there is (${labNames.join(', ')}), shows what happened, and
stays up until Ctrl-C. AWS_ENDPOINT_URL names another AWS endpoint to use instead of starting one.
  --once   ends when the labs have been driven

Exit code 1 when something is missing or too many of what went in; else 0. Ctrl-C leaves nothing running.`;

const given = argumentsOf('start');

/**
 * `npm start [-- lab ...] [--once]`: see the usage text above.
 *
 * @param to for tests: where it prints
 * @throws UsageInvalid, and what starting a laptop throws
 */
export async function start(args: string[], signal: AbortSignal, to?: Progress): Promise<number> {
  const { once, chosen, help } = options(args);
  const progress = to ?? progressUntilAborted(signal);
  if (help) {
    progress.line(usage);
    return 0;
  }
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

function options(args: string[]): { once: boolean; chosen: string[]; help: boolean } {
  const { values, positionals } = given.split(() =>
    parseArgs({
      args,
      options: { once: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    }),
  );
  const unknown = positionals.find((name) => !(name in labs));
  if (unknown !== undefined) throw given.invalid(`no lab ${unknown}; there is ${labNames.join(', ')}`);
  return {
    once: values.once ?? false,
    help: values.help ?? false,
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
