/**
 * An HTTPS reverse proxy between callers and the emulator: it knows who calls (each caller has a port of its own),
 * says what is called, keeps a log of it, and makes calls fail where a test wants them to.
 *
 * Requests pass unchanged, the Host header included: SigV4 signs it, and the emulator verifies what it receives.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import type { Certificate } from '../core/certificate.ts';
import { answer, type Refusal } from './answer.ts';
import { type AwsRequest, bodyTells, classify } from './classify.ts';
import { type Cut, createFaults, type Faults } from './faults.ts';
import { deniedAction } from './iam-authorizer.ts';
import { createRequestLog, type LoggedRequest, type RequestLog } from './request-log.ts';

/** Bodies up to this size are read to find operation and resource; larger ones stream through unread. */
const READ_BODY_BYTES = 256 * 1024;
/** Longer than the idle time of any client's pool, so that it is the client who closes. */
const KEEP_ALIVE_MS = 120_000;
/** Of RFC 9110, 7.6.1: these speak of one connection, and ours are two. */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade']);

/** Looks at a call before it is passed on; a refusal ends it. One that throws makes the call fail with a 500. */
export type Hook = (request: AwsRequest) => Promise<Refusal | undefined>;

export interface ProxyOptions {
  certificate: Certificate;
  /** By signing name (`redshift-data`); `default` takes the rest. http or https. */
  upstreams: { default: string } & Record<string, string>;
  /** Names of those who get a port each; more by `listen`. */
  callers?: readonly string[];
  hooks?: readonly Hook[];
  /** How many requests the log keeps. @default 10000 */
  logCapacity?: number;
}

export interface RunningProxy {
  faults: Faults;
  log: RequestLog;
  /** The address of a caller that listens. @throws Error for an unknown name */
  url(caller: string): string;
  /** Opens a port for a caller, or returns the one it has. */
  listen(caller: string): Promise<string>;
  /** Sends a service elsewhere from now on. @param stack whose callers alone, `<stack>/…`; @default all who have no own */
  route(service: string, upstream: string, stack?: string): void;
  /** Adds a hook from now on. */
  use(hook: Hook): void;
  close(): Promise<void>;
}

/** Passes `limit` bytes on, then calls `cut` and passes no more. */
class Guillotine extends Transform {
  private left: number;
  private readonly cut: () => void;

  constructor(limit: number, cut: () => void) {
    super();
    this.left = limit;
    this.cut = cut;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.left <= 0) return; // never done: nothing follows
    const part = chunk.subarray(0, this.left);
    this.left -= part.length;
    this.push(part);
    // What was passed on shall arrive before the connection goes.
    if (this.left <= 0) setImmediate(() => setImmediate(this.cut));
    else done();
  }

  override _flush(): void {
    this.cut(); // shorter than expected
  }
}

/** Half of a body; of one without a length, its first byte. */
const half = (headers: http.IncomingHttpHeaders): number =>
  Math.max(1, Math.floor(Number(headers['content-length'] ?? 0) / 2));

function endToEnd(rawHeaders: readonly string[], more: readonly string[] = []): string[] {
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !more.includes(lower)) headers.push(name, rawHeaders[index + 1] as string);
  }
  return headers;
}

async function readBody(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** One call on its way through. */
interface Exchange {
  incoming: http.IncomingMessage;
  outgoing: http.ServerResponse;
  request: AwsRequest;
  /** Read already; else it streams. */
  body: Buffer | undefined;
  /** The caller waits for `100 Continue` before it sends the body. */
  expects: boolean;
  cut: Cut | undefined;
  ended: (why: string) => void;
  denied: (action: string | undefined) => void;
}

const hangUp = (exchange: Exchange): void => {
  exchange.incoming.socket.destroy();
};

function refuse(exchange: Exchange, refusal: Refusal, why: string): void {
  const { incoming, outgoing, request, expects } = exchange;
  exchange.ended(why);
  exchange.denied(deniedAction(refusal.message));
  const { status, headers, body } = answer(request, refusal, randomUUID());
  // A body that was announced and will not come leaves the connection in doubt.
  outgoing.writeHead(status, expects ? { ...headers, connection: 'close' } : headers);
  outgoing.end(body);
  incoming.resume();
}

/** What HTTP gives no body to say: the right that a refused HEAD lacked. Amazon S3 API reference, HeadObject, HeadBucket. */
const deniedHead: Readonly<Record<string, string>> = {
  HeadObject: 's3:GetObject',
  HeadBucket: 's3:ListBucket',
};

/** Reads in passing which action IAM denied: a caller may keep that to itself, and try again. */
function noteDenial({ request, denied }: Exchange, response: http.IncomingMessage): void {
  const { statusCode } = response;
  if (statusCode !== 403 && statusCode !== 400) return;
  if (request.method === 'HEAD' && statusCode === 403) denied(deniedHead[request.operation]);
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.once('end', () => denied(deniedAction(Buffer.concat(chunks).toString())));
}

/** Passes the upstream's response on, or cuts it. */
function respond(exchange: Exchange, response: http.IncomingMessage): void {
  const { outgoing, cut } = exchange;
  if (cut === 'response') {
    response.resume();
    response.once('close', () => hangUp(exchange));
    return;
  }
  outgoing.writeHead(response.statusCode ?? 502, response.statusMessage, endToEnd(response.rawHeaders));
  response.once('error', () => hangUp(exchange));
  noteDenial(exchange, response);
  if (cut === 'response-body') {
    outgoing.flushHeaders();
    response
      .pipe(new Guillotine(half(response.headers), () => hangUp(exchange)))
      .pipe(outgoing, { end: false });
  } else {
    response.pipe(outgoing);
  }
}

function forward(exchange: Exchange, upstream: URL, agents: Agents, isRetry = false): void {
  const { incoming, outgoing, body, cut } = exchange;
  const headers = endToEnd(incoming.rawHeaders, body === undefined ? [] : ['expect']);
  const { headers: read } = incoming;
  const isEmpty = read['content-length'] === undefined && read['transfer-encoding'] === undefined;
  // Without either header a request has no body (RFC 9112, 6.3); Node would announce a chunked one.
  if (isEmpty && !['GET', 'HEAD', 'DELETE'].includes(incoming.method ?? ''))
    headers.push('Content-Length', '0');

  const secure = upstream.protocol === 'https:';
  const onward = (secure ? https : http).request({
    host: upstream.hostname.replace(/^\[|\]$/g, ''),
    port: upstream.port || (secure ? 443 : 80),
    method: incoming.method,
    path: incoming.url,
    headers: headers as unknown as http.OutgoingHttpHeaders, // name, value, name, value: order and case are kept
    setHost: false,
    agent: secure ? agents.https : agents.http,
  });
  let answered = false;
  onward.once('response', (response) => {
    answered = true;
    respond(exchange, response);
  });
  onward.on('continue', () => outgoing.writeContinue());
  onward.on('error', (error: NodeJS.ErrnoException) => {
    if (answered || outgoing.destroyed) return;
    // The upstream closed a kept connection at the moment we took it: nobody has read the request.
    const unread = onward.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    if (unread && !isRetry && (body !== undefined || isEmpty)) {
      forward(exchange, upstream, agents, true);
      return;
    }
    // A broken connection is passed on as one: it is what the caller's retries are made for.
    exchange.ended(error.code ?? error.message);
    hangUp(exchange);
  });
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) onward.destroy();
  });

  if (cut === 'request-body') {
    const drop = () => {
      // What still waits in the process would be thrown away with the connection.
      if ((onward.socket?.writableLength ?? 0) > 0 && !onward.destroyed) return void setTimeout(drop, 5);
      onward.destroy();
      hangUp(exchange);
    };
    const guillotine = new Guillotine(half(read), drop);
    guillotine.pipe(onward, { end: false });
    if (body === undefined) incoming.pipe(guillotine);
    else guillotine.end(body);
  } else if (body !== undefined || isEmpty) {
    onward.end(body);
  } else {
    incoming.pipe(onward);
  }
}

interface Agents {
  http: http.Agent;
  https: https.Agent;
}

/** Starts the proxy; every listener is on 127.0.0.1, on a port of the system's choice. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { certificate } = options;
  const tls = { cert: readFileSync(certificate.server), key: readFileSync(certificate.key) };
  const ca = readFileSync(certificate.authority);
  const agents: Agents = {
    http: new http.Agent({ keepAlive: true }),
    https: new https.Agent({ keepAlive: true, ca }),
  };
  const upstreams = new Map(Object.entries(options.upstreams).map(([name, url]) => [name, new URL(url)]));
  const fallback = new URL(options.upstreams.default);
  const upstreamOf = ({ caller, service }: AwsRequest): URL =>
    upstreams.get(`${caller.split('/')[0]}/${service}`) ?? upstreams.get(service) ?? fallback;
  const faults = createFaults();
  const log = createRequestLog(options.logCapacity ?? 10_000);
  const hooks = [...(options.hooks ?? [])];
  const listeners = new Map<string, Promise<{ server: https.Server; url: string }>>();
  const urls = new Map<string, string>();

  async function handle(
    caller: string,
    incoming: http.IncomingMessage,
    outgoing: http.ServerResponse,
    expects: boolean,
  ) {
    const at = Date.now();
    const arrived = performance.now();
    const hungUp = new AbortController();
    let why: string | undefined;
    let denied: string | undefined;
    let request = classify(caller, {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers: incoming.headers,
    });
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) hungUp.abort(new Error('the caller hung up'));
      const { service, operation, resource } = request;
      const status = outgoing.writableFinished ? outgoing.statusCode : undefined;
      const entry: LoggedRequest = {
        at,
        caller,
        service,
        operation,
        resource,
        status,
        durationMs: performance.now() - arrived,
      };
      if (status === undefined) entry.ended = why ?? 'the caller hung up';
      else if (why !== undefined) entry.ended = why;
      if (denied !== undefined) entry.denied = denied;
      log.add(entry);
    });
    incoming.on('error', () => {}); // told by the response's close

    const length = Number(incoming.headers['content-length'] ?? Number.NaN);
    let body: Buffer | undefined;
    let waits = expects;
    if (length <= READ_BODY_BYTES && bodyTells(incoming.headers)) {
      if (expects) outgoing.writeContinue();
      waits = false;
      body = await readBody(incoming);
      request = classify(caller, { ...request, body });
    }
    const exchange: Exchange = {
      incoming,
      outgoing,
      request,
      body,
      expects: waits,
      cut: undefined,
      ended: (reason) => {
        why ??= reason;
      },
      denied: (action) => {
        denied ??= action;
      },
    };

    const verdict = await faults.apply(request, hungUp.signal);
    if (verdict.kind === 'refuse') return refuse(exchange, verdict, 'refused');
    if (verdict.kind === 'cut') {
      exchange.ended('cut');
      exchange.cut = verdict.at;
      if (verdict.at === 'before') return hangUp(exchange);
    }
    for (const hook of hooks) {
      const asked = Promise.resolve().then(() => hook(request));
      const refusal = await asked.catch((error: unknown) => ({
        status: 500,
        code: 'InternalError',
        message: `a hook of the local proxy failed: ${error instanceof Error ? error.message : String(error)}`,
      }));
      if (refusal !== undefined) return refuse(exchange, refusal, 'hook');
    }
    if (!hungUp.signal.aborted) forward(exchange, upstreamOf(request), agents);
  }

  function listen(caller: string): Promise<{ server: https.Server; url: string }> {
    const existing = listeners.get(caller);
    if (existing !== undefined) return existing;
    const server = https.createServer({ ...tls, keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 });
    const take = (incoming: http.IncomingMessage, outgoing: http.ServerResponse, expects: boolean): void => {
      // Whatever goes wrong with one call ends that call alone.
      handle(caller, incoming, outgoing, expects).catch(() => incoming.socket.destroy());
    };
    server.on('request', (incoming, outgoing) => take(incoming, outgoing, false));
    server.on('checkContinue', (incoming, outgoing) => take(incoming, outgoing, true));
    const listening = new Promise<{ server: https.Server; url: string }>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
        urls.set(caller, url);
        resolve({ server, url });
      });
    });
    listeners.set(caller, listening);
    return listening;
  }

  await Promise.all((options.callers ?? []).map(listen));
  return {
    faults,
    log,
    url(caller) {
      const url = urls.get(caller);
      if (url === undefined)
        throw new Error(`no caller ${caller} listens; there are ${[...urls.keys()].join(', ')}`);
      return url;
    },
    listen: async (caller) => (await listen(caller)).url,
    route(service, upstream, stack) {
      upstreams.set(stack === undefined ? service : `${stack}/${service}`, new URL(upstream));
    },
    use(hook) {
      hooks.push(hook);
    },
    async close() {
      faults.clear();
      await Promise.all(
        [...listeners.values()].map(async (listening) => {
          const { server } = await listening;
          const closed = new Promise((resolve) => server.close(resolve));
          server.closeAllConnections();
          await closed;
        }),
      );
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}
