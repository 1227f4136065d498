import {
  type Advice,
  isLadingError,
  LadingError,
  messageOf,
  RegistryError,
  systemCode,
} from '../../errors.js';
import { PROXY_HINT, PROXY_REFUSES } from './response-error.js';

/** Returns the `ABORTED` error of an interrupted run; its cause is the caller's reason. */
export function abortedError(signal: AbortSignal | undefined): LadingError {
  return new LadingError('ABORTED', 'interrupted', { cause: signal?.reason });
}

/**
 * Turns an error that occurred before the response into one that tells the user which host failed, why, and what to do.
 * `signal` is the caller's; it distinguishes an abort from a broken connection.
 */
export function networkError(error: unknown, host: string, signal?: AbortSignal | undefined): LadingError {
  if (error instanceof LadingError) return error;
  if (signal?.aborted) return abortedError(signal);
  const code = systemCode(error) ?? '';
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return unanswered(host, error);
  }
  const { problem, ...advice } = explain(code, error);
  return new RegistryError('UNREACHABLE', `cannot reach ${host}: ${problem}`, { cause: error, ...advice });
}

/**
 * Turns an error in the middle of a body into `CUT_SHORT`, `TIMEOUT` or `ABORTED`; the caller may resume from the last
 * byte received.
 */
export function bodyError(error: unknown, what: string, signal?: AbortSignal | undefined): LadingError {
  if (error instanceof LadingError) return error;
  if (signal?.aborted) return abortedError(signal);
  if (systemCode(error) === 'UND_ERR_BODY_TIMEOUT') {
    return stalled(what, error);
  }
  return new RegistryError('CUT_SHORT', `${what} broke off: ${messageOf(error)}`, { cause: error });
}

export function unanswered(host: string, cause?: unknown): RegistryError {
  return new RegistryError('TIMEOUT', `${host} did not answer in time`, { cause });
}

export function stalled(what: string, cause?: unknown): RegistryError {
  return new RegistryError('TIMEOUT', `${what} stalled: no byte came for too long`, { cause });
}

const SELF_SIGNED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);
/** Errors that OpenSSL reports when the server does not speak TLS. */
const NOT_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);
const CERTIFICATE_WANTED =
  /^ERR_SSL_.*ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA)$/;
/**
 * In TLS 1.3 a server refuses a client certificate after the handshake. If it closes quickly, only one of these errors
 * remains of that.
 */
const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** Whether the server may have refused the connection because of the client's certificate. */
export function mayRefuseCertificate(error: unknown): boolean {
  if (!isLadingError(error, 'UNREACHABLE')) return false;
  const code = systemCode(error.cause) ?? '';
  return CERTIFICATE_WANTED.test(code) || CLOSED.has(code);
}

const UNTRUSTED: Advice = {
  hint: 'Trust the authority that issued it (SSL_CERT_FILE and certs.d may name it, too), or turn the check off.',
  remedy: 'caFile',
};

/** undici's message when a proxy refuses a CONNECT. */
const REFUSED_BY_PROXY = /^Proxy response \((\d{3})\) !== 200/;

function explain(code: string, error: unknown): { problem: string } & Advice {
  const [, status] = REFUSED_BY_PROXY.exec(messageOf(error)) ?? [];
  if (status === '407') {
    return {
      problem: 'the proxy wants credentials',
      hint: 'Give the proxy a user and a password: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT.',
    };
  }
  if (status !== undefined) {
    return {
      problem: `${PROXY_REFUSES} (status ${status})`,
      hint: PROXY_HINT,
    };
  }
  if (SELF_SIGNED.has(code)) {
    return { problem: 'its certificate is signed by an unknown authority', ...UNTRUSTED };
  }
  if (NOT_TLS.has(code)) {
    const hint = 'It may be a plain http registry.';
    return { problem: 'it does not speak TLS', hint, remedy: 'plainHTTP' };
  }
  if (CERTIFICATE_WANTED.test(code)) {
    const hint = 'It may want a client certificate, which is shown with its key.';
    return { problem: `it refused the TLS handshake (${code})`, hint, remedy: 'certFile' };
  }
  switch (code) {
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return {
        problem: `its certificate, or that of its authority, ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}`,
        hint: "Check this machine's clock and the authorities that are trusted, those of certs.d too, or turn the check off.",
        remedy: 'caFile',
      };
    case 'CERT_SIGNATURE_FAILURE':
      return {
        problem:
          'its certificate names a trusted authority as its issuer but is not signed with the key of that authority',
        ...UNTRUSTED,
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'UND_ERR_PRX_TLS':
      return {
        problem: 'its certificate is for another name',
        hint: 'Use the name that the certificate has, or turn the check off.',
        remedy: 'tlsVerify',
      };
    case 'ENOTFOUND':
      return { problem: 'no such host', hint: 'Check the name; behind a proxy, set HTTPS_PROXY.' };
    case 'EAI_AGAIN':
      return { problem: 'its name cannot be looked up now', hint: 'Check the network and its name server.' };
    case 'ECONNREFUSED':
      return {
        problem: 'connection refused',
        hint: 'Check that the registry runs and that the port is right.',
      };
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return {
        problem: 'no connection in time',
        hint: 'Check the network and the firewall; behind a proxy, set HTTPS_PROXY.',
      };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return {
        problem: `it closed the connection (${messageOf(error) || code})`,
        hint: 'Run the command again; if it fails each time, a proxy or firewall on the way may cut off such requests.',
      };
    default:
      return { problem: messageOf(error) || code };
  }
}
