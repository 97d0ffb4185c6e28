/**
 * The client's SFTP server, as the laptop plays it: a real one (npm ssh2) that serves one directory read-only, on
 * 127.0.0.1 alone, and can be told to misbehave while it runs.
 *
 * Protocol: SSH File Transfer Protocol version 3 (draft-ietf-secsh-filexfer-02), which is what OpenSSH speaks.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection, type ParsedKey } from 'ssh2';
import { fingerprint } from '../../lambdas/fashion/sftp-secret.ts';
import { type SftpSessionLog, serveDirectory } from './sftp-session.ts';
import { newKeyPair } from './ssh-keys.ts';

/** Who may log in. Either a password or a key is enough, as OpenSSH has it. */
export interface SftpAccount {
  username: string;
  password?: string;
  /** An OpenSSH public key line: `ssh-ed25519 AAAA...`. */
  publicKey?: string;
  /**
   * Ask for the password by keyboard-interactive only, as servers that leave passwords to PAM do.
   * @default false
   */
  keyboardInteractive?: boolean;
}

/** What the server does wrong, from the next connection, request or chunk on. All of it can be set at any time. */
export interface SftpFaults {
  /** Connections are reset as they come. */
  refuse: boolean;
  /** Connections are taken, and nothing is ever said on them. */
  mute: boolean;
  /** Another host key is presented, as an impostor would. */
  otherHostKey: boolean;
  /** The connection ends rather than that more than this many bytes of one file are sent. */
  dropAfterBytes: number | undefined;
  /** No READ is answered any more once it would send more than this many bytes of one file. */
  stallAfterBytes: number | undefined;
  /** Each READ is answered this much later, ms. */
  readDelayMs: number;
  /** READs wait for their answer until this is over: what is read was on disk before. */
  holdReads: boolean;
  /** How many more times a fault may strike before all of them are over. @default endless */
  strikes: number;
}

export interface SftpRequest {
  /** The protocol's own name: OPEN, READ, REMOVE. */
  operation: string;
  /** As the client said it; of READ and other requests by handle, the path that was opened. */
  path: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** One try at logging in; clients begin with the method `none`, to learn which there are. */
export interface SftpLogin {
  username: string;
  method: string;
  accepted: boolean;
  at: number;
}

export interface SftpServer {
  readonly host: string;
  readonly port: number;
  /** As OpenSSH prints it: `SHA256:` and the hash in base64 without padding. */
  readonly hostKeyFingerprint: string;
  /** The host's public key line, as in known_hosts without the host: `ssh-ed25519 AAAA...`. */
  readonly hostPublicKey: string;
  /** TCP connections so far. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly openConnections: number;
  readonly logins: readonly SftpLogin[];
  /** All that was asked for, in order; READ once per opened file. */
  readonly requests: readonly SftpRequest[];
  /** Those of the requests that wanted to write, or to leave the directory. */
  readonly refused: readonly SftpRequest[];
  /** READs that wait for their answer now, because they are held. */
  readonly held: number;
  /** Every time a fault struck, by its name. */
  readonly struck: readonly { fault: keyof SftpFaults; at: number }[];
  readonly faults: SftpFaults;
  /** Ends all faults. */
  heal(): void;
  /** Ends all connections and closes all files; may be called again. */
  close(): Promise<void>;
}

export interface SftpServerOptions {
  /** The directory that is served; it is the client's `/`. */
  root: string;
  accounts: readonly SftpAccount[];
  /** A private key, PEM or OpenSSH. @default an ed25519 key made at start */
  hostKey?: string;
  /** @default a free one */
  port?: number;
}

const noFaults: Readonly<SftpFaults> = {
  refuse: false,
  mute: false,
  otherHostKey: false,
  dropAfterBytes: undefined,
  stallAfterBytes: undefined,
  readDelayMs: 0,
  holdReads: false,
  strikes: Number.POSITIVE_INFINITY,
};

function keyOf(text: string): ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key;
}

/**
 * Starts the server; it listens when the promise settles.
 *
 * @throws an error of ssh2 when a key cannot be parsed, of Node when the port is taken
 */
export async function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  const { root, accounts, hostKey = newKeyPair().private, port = 0 } = options;
  for (const { publicKey } of accounts) if (publicKey !== undefined) keyOf(publicKey);
  const logins: SftpLogin[] = [];
  const requests: SftpRequest[] = [];
  const refused: SftpRequest[] = [];
  const struck: { fault: keyof SftpFaults; at: number }[] = [];
  const faults: SftpFaults = { ...noFaults };
  const sockets = new Set<Socket>();
  const sessions = new Set<Promise<void>>();
  let connections = 0;
  let held = 0;

  const strike = (fault: keyof SftpFaults): void => {
    struck.push({ fault, at: Date.now() });
    faults.strikes -= 1;
    if (faults.strikes <= 0) Object.assign(faults, noFaults);
  };
  const log: SftpSessionLog = {
    request: (operation, path) => requests.push({ operation, path, at: Date.now() }),
    refuse: (operation, path) => refused.push({ operation, path, at: Date.now() }),
    hold: (reads) => {
      held += reads;
    },
  };

  const serve = (client: Connection, socket: Socket): void => {
    // A client that vanishes is no news; without a listener it would be an uncaught exception.
    client.on('error', () => socket.destroy());
    client.on('authentication', async (context) => {
      const { username, method } = context;
      const account = accounts.find((candidate) => candidate.username === username);
      const verdict = await judge(context, account);
      if (verdict !== 'question')
        logins.push({ username, method, accepted: verdict === 'yes', at: Date.now() });
      if (verdict === 'no') context.reject(methodsOf(account));
      else context.accept();
    });
    client.on('session', (accept) => {
      accept().on('sftp', (acceptSftp) => {
        const session = serveDirectory({ sftp: acceptSftp(), client, socket, root, faults, strike, log });
        sessions.add(session);
        session.finally(() => sessions.delete(session));
      });
    });
  };

  // One ssh2 server per host key: a host key cannot be chosen per connection. Both are fed by the listener below.
  const serverWith = (key: string) => new ssh2.Server({ hostKeys: [key] });
  const honest = serverWith(hostKey);
  const impostor = serverWith(newKeyPair().private);
  const bySshSocket = new Map<string, Socket>();
  for (const server of [honest, impostor]) {
    server.on('connection', (client, info) => {
      const socket = bySshSocket.get(`${info.ip}:${info.port}`);
      if (socket) serve(client, socket);
      else client.end();
    });
  }

  // noDelay: ssh2 writes a packet in up to three pieces, and each would wait 40 ms until the client has acknowledged the last.
  const listener = createServer({ noDelay: true }, (socket) => {
    const name = `${socket.remoteAddress}:${socket.remotePort}`;
    connections += 1;
    sockets.add(socket);
    bySshSocket.set(name, socket);
    socket.on('close', () => {
      sockets.delete(socket);
      bySshSocket.delete(name);
    });
    socket.on('error', () => socket.destroy());
    if (faults.refuse) {
      socket.resetAndDestroy();
      strike('refuse');
    } else if (faults.mute) {
      socket.resume();
      strike('mute');
    } else if (faults.otherHostKey) {
      impostor.injectSocket(socket);
      strike('otherHostKey');
    } else {
      honest.injectSocket(socket);
    }
  });
  listener.listen(port, '127.0.0.1');
  await once(listener, 'listening');
  const publicKey = keyOf(hostKey).getPublicSSH();

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const listening = once(listener, 'close');
    listener.close();
    for (const socket of sockets) socket.destroy();
    await listening;
    await Promise.all(sessions);
  };

  return {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    hostKeyFingerprint: fingerprint(publicKey),
    hostPublicKey: `${keyOf(hostKey).type} ${publicKey.toString('base64')}`,
    get connections() {
      return connections;
    },
    get openConnections() {
      return sockets.size;
    },
    logins,
    requests,
    refused,
    get held() {
      return held;
    },
    struck,
    faults,
    heal: () => void Object.assign(faults, noFaults),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** How one may log in; an account that does not exist looks like any other. */
function methodsOf(account: SftpAccount | undefined): ('password' | 'publickey' | 'keyboard-interactive')[] {
  return [account?.keyboardInteractive ? 'keyboard-interactive' : 'password', 'publickey'];
}

/** `question`: the client asks whether this key would do, and has not proved yet that it holds it (RFC 4252 7). */
async function judge(
  context: AuthContext,
  account: SftpAccount | undefined,
): Promise<'yes' | 'no' | 'question'> {
  const { password, publicKey, keyboardInteractive = false } = account ?? {};
  const isPassword = (said?: string) => (password !== undefined && said === password ? 'yes' : 'no');
  if (context.method === 'password' && !keyboardInteractive) return isPassword(context.password);
  if (context.method === 'keyboard-interactive' && keyboardInteractive) {
    const prompt = { prompt: 'Password: ', echo: false };
    return new Promise((settle) => {
      context.prompt([prompt], ([said]) => settle(isPassword(said)));
    });
  }
  if (context.method === 'publickey' && publicKey !== undefined) {
    const key = keyOf(publicKey);
    if (!key.getPublicSSH().equals(context.key.data)) return 'no';
    if (context.signature === undefined || context.blob === undefined) return 'question';
    return key.verify(context.blob, context.signature, context.hashAlgo) === true ? 'yes' : 'no';
  }
  return 'no';
}
