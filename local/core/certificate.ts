/** The certificate of one run: TLS on 127.0.0.1 that nothing but this run trusts. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LabError } from '../../domain/errors.ts';

const maker = fileURLToPath(new URL('../../python/make_certificate.py', import.meta.url));

export interface Certificate {
  /** Path of what to trust, PEM. */
  authority: string;
  /** Path of the server's certificate and chain, PEM. */
  server: string;
  /** Path of the server's private key, PEM, mode 0600. */
  key: string;
  /** What makes child processes trust it: OpenSSL and Python, botocore and the AWS CLI, Node, requests. */
  environment: Readonly<
    Record<'SSL_CERT_FILE' | 'AWS_CA_BUNDLE' | 'NODE_EXTRA_CA_CERTS' | 'REQUESTS_CA_BUNDLE', string>
  >;
}

export interface CertificateOptions {
  /** Made if it does not exist; the run's own directory. */
  directory: string;
  /** A Python that has `cryptography`. */
  python: string;
}

/**
 * Makes the certificate, for localhost, 127.0.0.1 and ::1, valid for a week.
 *
 * @throws CertificateNotMade
 */
export async function makeCertificate({ directory, python }: CertificateOptions): Promise<Certificate> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await promisify(execFile)(python, [maker, directory], { timeout: 60_000 });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const why = stderr?.trim().split('\n').at(-1) || message;
    throw new LabError('CertificateNotMade', why, { cause: error });
  }
  const authority = join(directory, 'authority.pem');
  return {
    authority,
    server: join(directory, 'server.pem'),
    key: join(directory, 'server.key'),
    environment: {
      SSL_CERT_FILE: authority,
      AWS_CA_BUNDLE: authority,
      NODE_EXTRA_CA_CERTS: authority,
      REQUESTS_CA_BUNDLE: authority,
    },
  };
}

/** An agent of our own process that trusts the run's certificate: Node reads NODE_EXTRA_CA_CERTS at start only. */
export function trustingAgent(certificate: Pick<Certificate, 'authority'>): Agent {
  return new Agent({ ca: readFileSync(certificate.authority), keepAlive: true });
}

/**
 * The `requestHandler` of an SDK client in our own process: `new S3Client({ ...trusting(certificate) })`. The client
 * makes its usual handler of it (HTTP/1.1 for all but Kinesis and Transcribe, which want a NodeHttpHandler here).
 */
export function trusting(certificate: Pick<Certificate, 'authority'>) {
  return { requestHandler: { httpsAgent: trustingAgent(certificate) } };
}
