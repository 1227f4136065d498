import type { ServerResponse } from 'node:http';
import type { Credential } from '../../../src/registry/auth/credential.js';
import type { RegistryClient, RegistryClientOptions } from '../../../src/registry/client.js';
import { useRegistries } from '../../support/registries.js';
import { type Handler, sendError, sendJSON, type TestServer } from '../http-server.js';

const known: Credential = { username: 'me', password: 'p:w', source: 'a test' };
export const credentials = async () => known;

export const answerToken = (response: ServerResponse, token: string, more: object = {}) =>
  sendJSON(response, { token, ...more });

/** Starts registries and token services, and creates clients without retries. */
export interface Authenticating {
  start(handler: Handler): Promise<TestServer>;
  /** A registry that serves a manifest to requests with the token `valid()`. */
  bearerRegistry(challenge: () => string, valid: () => string): Promise<TestServer>;
  connect(options?: RegistryClientOptions): RegistryClient;
}

/** Sets up registries that require authentication for the tests of a file; closes them after each test. */
export function useAuthentication(): Authenticating {
  const { start, connect } = useRegistries({ retries: 0 });
  return {
    start,
    bearerRegistry: (challenge, valid) =>
      start((request, response) => {
        if (request.headers.authorization === `Bearer ${valid()}`) sendJSON(response, {});
        else sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': challenge() });
      }),
    connect,
  };
}
