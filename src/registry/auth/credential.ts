/** A user's credential for a registry. Exactly one of its three forms is set. */
export interface Credential {
  username?: string | undefined;
  password?: string | undefined;
  /** Exchanged for tokens at the token service (docker's `identitytoken`, an OAuth2 refresh token). */
  identityToken?: string | undefined;
  /** Sent to the registry unchanged (docker's `registrytoken`). */
  registryToken?: string | undefined;
  /** Where it was found, for messages: the options, a file, a helper. Never contains a secret. */
  source: string;
}

/** Looks up the credential for a repository; undefined means anonymous. */
export type CredentialProvider = (
  registry: string,
  repository: string | undefined,
  signal?: AbortSignal | undefined,
) => Promise<Credential | undefined>;
