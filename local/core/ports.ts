/** TCP ports on 127.0.0.1. */
import { createServer } from 'node:net';
import { LabError } from '../../domain/errors.ts';

function bind(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}

/**
 * A port that is free now. Another program may take it before it is used: only for programs that cannot listen on
 * port 0 themselves, and by `onFreePort`, which tries again with another one.
 */
export function freePort(): Promise<number> {
  return bind(0);
}

const portAttempts = 5;

/**
 * Starts a program on a port that is free, and on another one when somebody takes it between our look and the program's bind.
 *
 * @param wasTaken whether the program failed for that
 * @param port where a port comes from. @default freePort
 * @throws what the start throws, for any other reason or the fifth time
 */
export async function onFreePort<T>(
  start: (port: number) => Promise<T>,
  wasTaken: (error: Error) => boolean,
  port: () => Promise<number> = freePort,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await port());
    } catch (error) {
      if (!wasTaken(error as Error) || attempt === portAttempts) throw error;
    }
  }
}

/**
 * @throws PortTaken when something listens on the port already
 */
export async function requireFreePort(port: number): Promise<number> {
  try {
    return await bind(port);
  } catch (error) {
    throw new LabError('PortTaken', `127.0.0.1:${port}`, { cause: error });
  }
}
