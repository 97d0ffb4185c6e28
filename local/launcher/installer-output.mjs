import { LaunchFailure } from './failures.mjs';

/**
 * What an installer's failure was, read from its output (npm and pip have one exit code for everything).
 */

const full = /ENOSPC|EDQUOT|No space left on device|Disk quota exceeded/i;
const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EHOSTUNREACH|ENETUNREACH|CERT_|SELF_SIGNED|NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError|Failed to establish a new connection|Connection (?:reset|refused)|ConnectionResetError|ProtocolError/i;

/**
 * @param {string} what such as `npm packages`
 * @param {number} code exit code
 * @param {string} output
 * @param {string} log the file that holds the output, as shown to the user
 * @returns {LaunchFailure}
 */
export function installFailure(what, code, output, log) {
  const lines = output.split('\n').map((line) => line.trim());
  const lineWith = (/** @type {RegExp} */ pattern) => lines.find((line) => pattern.test(line));
  const noSpace = lineWith(full);
  if (noSpace !== undefined) return new LaunchFailure('DiskFull', `${short(noSpace)} (output: ${log})`);
  const noNetwork = lineWith(unreachable);
  if (noNetwork !== undefined) {
    return new LaunchFailure('RegistryUnreachable', `${what}, ${short(noNetwork)} (output: ${log})`);
  }
  const said = lineWith(/error/i) ?? lines.filter(Boolean).at(-1) ?? 'nothing said';
  return new LaunchFailure('InstallFailed', `${what}, exit code ${code}, ${short(said)} (output: ${log})`);
}

/** pip wraps the reason into the names of Python classes. */
const reason = /Failed to establish a new connection: [^'"]+/;

/** @param {string} line */
function short(line) {
  const text = reason.exec(line)?.[0] ?? line;
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
