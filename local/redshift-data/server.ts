import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  type Caller,
  DataService,
  type RequiredAction,
  type Response,
  type StatementEvent,
} from './service.ts';
import { ServiceError } from './service-error.ts';
import { type PostgresServer, Warehouse, type Workgroup } from './warehouse.ts';

export type { Caller, RequiredAction, StatementEvent } from './service.ts';
export { ServiceError } from './service-error.ts';
export type { PostgresServer, Workgroup } from './warehouse.ts';

/** One request as IAM has to judge it. */
export interface AuthorizationRequest {
  /** `ExecuteStatement` and so on. */
  operation: string;
  headers: Record<string, string | string[] | undefined>;
  /** Path and query: each caller may have an endpoint of its own, `https://127.0.0.1:PORT/as/<role>`. */
  path: string;
  /** The signed bytes. */
  body: Buffer;
  secretArn?: string;
  /** Every one has to be allowed. */
  actions: RequiredAction[];
}

export interface RedshiftDataOptions {
  /** A superuser of the local PostgreSQL. */
  postgres: PostgresServer;
  /** PEM text; https when given. */
  tls?: { key: string; cert: string };
  region: string;
  account: string;
  /** Known workgroups and their databases; what is missing is created. */
  workgroups: Workgroup[];
  /** Database user of the admin secret, owner of the databases. @default 'admin' */
  admin?: string;
  /** @default 0, a free port */
  port?: number;
  /**
   * Who calls, and whether he may: throws a `ServiceError('AccessDeniedException', …)` that names the action.
   * Called once per request with the actions and resources the real service evaluates.
   */
  authorize: (request: AuthorizationRequest) => Promise<Caller>;
  /** An S3 client with the credentials of the COPY role; the implementer assumes it. */
  s3For: (roleArn: string) => Promise<S3Client>;
  onStatement?: (event: StatementEvent) => void;
  /** Statements that run at a time. @default 16 */
  concurrency?: number;
  /** Rows of a page of GetStatementResult. @default 1000 */
  pageRows?: number;
}

export interface RedshiftDataServer {
  /** `https://127.0.0.1:PORT` or `http://…` */
  url: string;
  port: number;
  /** Aborts what runs, waits for the database sessions to end, closes the listener. */
  close(): Promise<void>;
}

/** Largest request: 40 statements of 100 kB, escaped as JSON. */
const maximumBody = 16 * 1024 * 1024;

/**
 * Starts the Redshift Data API (AWS JSON 1.1, `x-amz-target: RedshiftData.<Operation>`) on 127.0.0.1 over a local
 * PostgreSQL. Where Redshift differs from PostgreSQL it behaves as Redshift or refuses by name: `differences.ts`.
 */
export async function startRedshiftData(options: RedshiftDataOptions): Promise<RedshiftDataServer> {
  const warehouse = await Warehouse.open(options.postgres, options.workgroups, options.admin ?? 'admin');
  const service = new DataService(warehouse, {
    concurrency: 16,
    pageRows: 1000,
    ...withoutUndefined(options),
  });
  const listener: RequestListener = (request, response) => {
    answer(request, service, options.authorize).then(({ status, body, error }) => {
      response.writeHead(status, {
        'content-type': 'application/x-amz-json-1.1',
        ...(error ? { 'x-amzn-errortype': error } : {}),
      });
      response.end(body);
    });
  };
  const server = options.tls ? createHttpsServer(options.tls, listener) : createHttpServer(listener);
  // The client closes what is idle: a connection that the server has just closed would cost a client that stood still its next call.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await service.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

async function answer(
  request: IncomingMessage,
  service: DataService,
  authorize: RedshiftDataOptions['authorize'],
): Promise<{ status: number; body: string; error?: string }> {
  try {
    const body = await readBody(request);
    const target = String(request.headers['x-amz-target'] ?? '');
    const operation = target.replace(/^RedshiftData\./, '');
    const handler = Object.hasOwn(service.operations, operation) ? service.operations[operation] : undefined;
    if (request.method !== 'POST' || !target.startsWith('RedshiftData.') || !handler) {
      throw new ServiceError(
        'UnknownOperationException',
        `operation ${target || request.method} is not served by the local Redshift Data API`,
      );
    }
    const response = await handler(parseBody(body), (actions, secretArn) =>
      authorize({ operation, headers: request.headers, path: request.url ?? '/', body, secretArn, actions }),
    );
    return { status: 200, body: jsonText(response) };
  } catch (error) {
    return errorResponse(error);
  }
}

function jsonText(response: Response): string {
  return typeof response === 'string' ? response : JSON.stringify(response);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request) {
    size += (piece as Buffer).length;
    if (size > maximumBody)
      throw new ServiceError('ValidationException', `the request is larger than ${maximumBody} bytes`);
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

function parseBody(body: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ServiceError('SerializationException', (error as Error).message);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ServiceError('SerializationException', 'the body must be a JSON object');
  return value as Record<string, unknown>;
}

function errorResponse(error: unknown): { status: number; body: string; error: string } {
  const known = error instanceof ServiceError;
  const { name, message } = error as Error;
  // An `authorize` may throw an error of its own making: its name still tells the caller what it was.
  const shape = known || name.endsWith('Exception') ? name : 'InternalServerException';
  const status = known ? error.status : shape === 'InternalServerException' ? 500 : 400;
  const members = known ? error.members : {};
  return {
    status,
    error: shape,
    body: JSON.stringify({ __type: shape, message, Message: message, ...members }),
  };
}
