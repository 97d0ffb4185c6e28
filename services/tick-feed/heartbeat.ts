import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { heartbeatEveryMs, heartbeatFile } from '../../domain/stocks/heartbeat.ts';

/**
 * Touches the file by which the container's health check sees that the event loop turns: whatever the feed waits for
 * (the lease, a login, the provider, the table), it does so. Where the file cannot be written the feed goes on and says so.
 *
 * @returns what ends it
 */
export function keepHeartbeat(
  directory: string,
  log: { error(message: string, more: Record<string, unknown>): void },
): () => void {
  const file = path.join(directory, heartbeatFile);
  const beat = () => {
    try {
      const now = new Date();
      utimesSync(file, now, now); // takes no room, on a disk that is full of what waits for the stream
    } catch {
      try {
        mkdirSync(directory, { recursive: true });
        writeFileSync(file, '');
      } catch (error) {
        log.error('heartbeat not written', { error });
      }
    }
  };
  beat();
  const beating = setInterval(beat, heartbeatEveryMs);
  return () => clearInterval(beating);
}
