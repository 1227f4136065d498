/** What a user is known by at a registry. One of the three forms is filled. */
export interface Credential {
  username?: string | undefined;
  password?: string | undefined;
  /** Exchanged for tokens at the token service (docker's `identitytoken`, an OAuth2 refresh token). */
  identityToken?: string | undefined;
  /** Sent to the registry as it is (docker's `registrytoken`). */
  registryToken?: string | undefined;
  /** Where it was found, for messages: the options of the run, a file, a helper. Never a secret. */
  source: string;
}

/** Looks up who the user is at a registry; undefined means anonymous. */
export type CredentialProvider = (
  registry: string,
  repository: string | undefined,
  signal?: AbortSignal | undefined,
) => Promise<Credential | undefined>;
