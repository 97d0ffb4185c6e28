/** Errors as AWS words them, per protocol: what the stock SDKs turn into an exception of that name. */
import type { AwsRequest, Protocol } from './classify.ts';

export interface Refusal {
  /** HTTP status. */
  status: number;
  /** The error's name: `AccessDenied`, `SlowDown`, `ThrottlingException`, ... */
  code: string;
  message: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

const escapeXml = (text: string): string =>
  text.replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** A text string of CBOR, major type 3 (RFC 8949, 3.1), of less than 64 KB. */
function cborText(text: string): Buffer {
  const bytes = Buffer.from(text.slice(0, 16_000), 'utf8');
  const head =
    bytes.length < 24
      ? [0x60 + bytes.length]
      : bytes.length < 256
        ? [0x78, bytes.length]
        : [0x79, bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Buffer.from(head), bytes]);
}

function encode(
  protocol: Protocol,
  refusal: Refusal,
  requestId: string,
  contentType: string,
): Omit<Answer, 'status'> {
  const { code, message, status } = refusal;
  const side = status < 500 ? 'Sender' : 'Receiver';
  switch (protocol) {
    case 's3':
      return {
        headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId },
        body: Buffer.from(
          `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escapeXml(code)}</Code>` +
            `<Message>${escapeXml(message)}</Message><RequestId>${requestId}</RequestId></Error>`,
        ),
      };
    case 'query':
      return {
        headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId },
        body: Buffer.from(
          `<ErrorResponse><Error><Type>${side}</Type><Code>${escapeXml(code)}</Code>` +
            `<Message>${escapeXml(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
        ),
      };
    case 'cbor':
      return {
        headers: {
          'content-type': 'application/cbor',
          'smithy-protocol': 'rpc-v2-cbor',
          'x-amzn-requestid': requestId,
        },
        // A map of two pairs.
        body: Buffer.concat([
          Buffer.from([0xa2]),
          ...['__type', code, 'message', message].map((text) => cborText(text)),
        ]),
      };
    default:
      return {
        headers: { 'content-type': contentType, 'x-amzn-errortype': code, 'x-amzn-requestid': requestId },
        // Services differ in the case of `message`; SDKs read either.
        body: Buffer.from(JSON.stringify({ __type: code, message, Message: message })),
      };
  }
}

/** The refusal of `request`, in its own protocol. A refused HEAD has no body, as HTTP has it. */
export function answer(request: AwsRequest, refusal: Refusal, requestId: string): Answer {
  const contentType =
    request.protocol === 'json'
      ? (request.headers['content-type'] ?? 'application/x-amz-json-1.1')
      : 'application/json';
  const { headers, body } = encode(request.protocol, refusal, requestId, contentType);
  const sent = request.method === 'HEAD' ? Buffer.alloc(0) : body;
  return {
    status: refusal.status,
    headers: { ...headers, 'content-length': String(sent.length) },
    body: sent,
  };
}
