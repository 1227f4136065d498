import { X509Certificate } from 'node:crypto';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { LadingError, messageOf, systemCode } from '../../errors.js';
import { hostOf } from '../origin.js';
import {
  type CertificatePlaces,
  defaultPlaces,
  type RegistryCertificates,
  readNamedAuthorities,
  readRegistryCertificates,
  readSystemAuthorities,
} from './authorities.js';

export interface TLSOptions {
  /** Whether certificates are checked; default true. */
  tlsVerify?: boolean | undefined;
  /** Authorities (PEM) to trust in addition to the usual ones. */
  ca?: string | undefined;
  /** Client certificate (PEM) and its key; either may hold both. */
  cert?: string | undefined;
  key?: string | undefined;
  /** Finds the settings of a registry that take precedence over those above; an authority is added to them. */
  ownOf?: ((registry: string) => Promise<OwnTLS | undefined>) | undefined;
  /** `SSL_CERT_FILE`, `SSL_CERT_DIR` and `NODE_EXTRA_CA_CERTS`; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  /** Where certificates are on this machine; default: where docker, skopeo and Go look. */
  certificates?: CertificatePlaces | undefined;
  /** Called once for each certificate file that cannot be used. */
  onWarning?: ((text: string) => void) | undefined;
}

/** Settings for one registry. The certificate is shown to that registry alone. */
export type OwnTLS = Pick<TLSOptions, 'tlsVerify' | 'ca' | 'cert' | 'key'>;

/** The TLS settings of a connection. */
export interface ConnectionTLS {
  secureContext: SecureContext;
  rejectUnauthorized: boolean;
}

/** The TLS settings of one registry. */
export interface RegistryTLS {
  /** Identifies the settings: connections with different settings are not shared. */
  readonly id: string;
  /** Returns the current settings. */
  connection(): Promise<ConnectionTLS>;
  /**
   * From now on also trusts the authorities of this machine. Called when a server's certificate is from an unknown
   * authority: reading the machine's takes 50 ms and more, and Node.js knows most authorities itself.
   */
  trustMachine(): void;
}

/** Creates the settings of a registry on first use. Registries without settings of their own share one object. */
export class TLSSettings {
  readonly #options: TLSOptions;
  readonly #places: CertificatePlaces;
  readonly #byRegistry = new Map<string, Promise<readonly RegistryTLS[]>>();
  readonly #shared: RegistryTLS;
  readonly #warned = new Set<string>();
  #machine: Promise<string[]> | undefined;

  constructor(options: TLSOptions) {
    this.#options = { ...options, ...clientPair(options) };
    this.#places = options.certificates ?? defaultPlaces();
    this.#shared = this.#create('', undefined);
  }

  /**
   * Returns the settings for a registry, or with `isOther` for a token service or storage that it names: those are
   * verified with the same authorities but do not get the registry's client certificate. If the registry has several
   * client certificates, there is one element for each, in the order in which to try them: OpenSSL sends only one and
   * does not choose the one that the server accepts.
   */
  of(
    registry: string,
    { isOther = false, insecure = false }: { isOther?: boolean; insecure?: boolean | undefined } = {},
  ): Promise<readonly RegistryTLS[]> {
    const id = `${isOther ? 'named by ' : ''}${registry}${insecure ? ', unchecked' : ''}`;
    const known = this.#byRegistry.get(id);
    if (known !== undefined) return known;
    const found = this.#find(registry, { id, isOther, insecure });
    this.#byRegistry.set(id, found);
    return found;
  }

  async #find(
    registry: string,
    { id, isOther, insecure }: { id: string; isOther: boolean; insecure: boolean },
  ): Promise<readonly RegistryTLS[]> {
    const own = await this.#options.ownOf?.(registry);
    const names = [registry, hostOf(registry)];
    const inFolder = await readRegistryCertificates(names, this.#places, (text) => this.#warnOnce(text));
    if (own === undefined && inFolder === undefined && !insecure) return [this.#shared];
    const options = {
      ...this.#options,
      ...(own !== undefined && !isOther && clientPairOf(own)),
      tlsVerify: !insecure && (own?.tlsVerify ?? this.#options.tlsVerify),
    };
    const certificates =
      inFolder === undefined && own?.ca === undefined
        ? undefined
        : withAuthority(isOther && inFolder ? { ...inFolder, cert: [], key: [] } : inFolder, own?.ca);
    return splitPairs(certificates, options).map((single, index) =>
      this.#create(index === 0 ? id : `${id}, pair ${index}`, single, options),
    );
  }

  #warnOnce(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#options.onWarning?.(text);
  }

  #create(id: string, own: RegistryCertificates | undefined, options = this.#options): RegistryTLS {
    let trustsMachine = false;
    let current: Promise<ConnectionTLS> | undefined;
    const make = async (): Promise<ConnectionTLS> => {
      const authorities = trustsMachine ? await this.#readMachine() : [];
      return {
        secureContext: createContext(options, own, authorities),
        rejectUnauthorized: options.tlsVerify ?? true,
      };
    };
    return {
      id,
      connection() {
        current ??= make();
        return current;
      },
      trustMachine() {
        if (trustsMachine) return;
        trustsMachine = true;
        current = undefined;
      },
    };
  }

  #readMachine(): Promise<string[]> {
    this.#machine ??= this.#read();
    return this.#machine;
  }

  async #read(): Promise<string[]> {
    const named = await readNamedAuthorities(this.#options.environment ?? process.env);
    return certificatesIn([...named, ...(await readSystemAuthorities(this.#places))]);
  }
}

function withAuthority(
  { ca, cert, key }: RegistryCertificates = { ca: [], cert: [], key: [] },
  authority: string | undefined,
): RegistryCertificates {
  return { ca: authority === undefined ? ca : [authority, ...ca], cert, key };
}

function splitPairs(
  own: RegistryCertificates | undefined,
  { cert: given }: TLSOptions,
): (RegistryCertificates | undefined)[] {
  // A certificate from the options replaces those of certs.d.
  if (own === undefined || own.cert.length < 2 || given !== undefined) return [own];
  return own.cert.map((cert, index) => ({ ...own, cert: [cert], key: own.key.slice(index, index + 1) }));
}

/**
 * OpenSSL's errors for a certificate whose authority it does not know, or knows only by a certificate with the same
 * name that has expired or has another key. OpenSSL does not say which certificate it means; it may also be the
 * server's own that has expired.
 */
const UNKNOWN_AUTHORITY = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Whether trusting more authorities may help. */
export function mayLackAuthority(error: unknown): boolean {
  return UNKNOWN_AUTHORITY.has(systemCode(error) ?? '');
}

const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

/**
 * Returns a client certificate and its key; one PEM may contain both. Throws `USAGE` if one is missing: Node.js would
 * connect without the other, and the server would refuse.
 */
function clientPair({ cert, key }: TLSOptions): Pick<TLSOptions, 'cert' | 'key'> {
  if ((cert === undefined) === (key === undefined)) return { cert, key };
  if (cert !== undefined && PRIVATE_KEY.test(cert)) return { cert, key: cert };
  if (key !== undefined && key.search(CERTIFICATE) >= 0) return { cert: key, key };
  const problem =
    key === undefined
      ? 'a client certificate cannot be used without its key'
      : 'the key of a client certificate cannot be used without the certificate';
  throw new LadingError('USAGE', problem, {
    hint: 'Name the files of both, or one file that holds the certificate and its key in PEM.',
    remedy: 'certFile',
  });
}

/** Like `clientPair`, but empty if there is neither, so that it does not replace another one. */
function clientPairOf(own: OwnTLS): Pick<TLSOptions, 'cert' | 'key'> {
  return own.cert === undefined && own.key === undefined ? {} : clientPair(own);
}

/** Creates a context that connections share; otherwise undici would parse the authorities for each of them. */
function createContext(
  { ca, cert, key }: TLSOptions,
  own: RegistryCertificates | undefined,
  authorities: readonly string[],
): SecureContext {
  // Node.js stops reading a text at the first part that is not a certificate.
  const given = certificatesIn([...(own?.ca ?? []), ...(ca === undefined ? [] : [ca])]);
  const trusted = [...authorities, ...given];
  const isGiven = cert !== undefined || key !== undefined;
  const certs = isGiven ? [cert].filter((text) => text !== undefined) : (own?.cert ?? []);
  const keys = isGiven ? [key].filter((text) => text !== undefined) : (own?.key ?? []);
  try {
    return createSecureContext({
      // Without `ca`, Node.js uses its own authorities and `NODE_EXTRA_CA_CERTS`.
      ...(trusted.length === 0 ? {} : { ca: [...rootCertificates, ...trusted] }),
      ...(certs.length === 0 ? {} : { cert: certs }),
      ...(keys.length === 0 ? {} : { key: keys }),
    });
  } catch (error) {
    throw new LadingError('USAGE', `the TLS certificate or key cannot be used: ${messageOf(error)}`, {
      cause: error,
      hint: 'Authorities, certificates and keys, those in certs.d too, are files in PEM; a key must belong to its certificate.',
      remedy: 'certificates',
    });
  }
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/**
 * Returns each certificate once, without those that Node.js already trusts; skips what is not a certificate, as Go
 * does.
 */
function certificatesIn(texts: readonly string[]): string[] {
  const known = new Set(rootCertificates.map(bare));
  const found: string[] = [];
  for (const [certificate] of texts.flatMap((text) => [...text.matchAll(CERTIFICATE)])) {
    if (known.has(bare(certificate))) continue;
    known.add(bare(certificate));
    if (isCertificate(certificate)) found.push(certificate);
  }
  return found;
}

function bare(certificate: string): string {
  return certificate.replace(/-----[^-]*-----|\s/g, '');
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.byteLength > 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return false;
  }
}
