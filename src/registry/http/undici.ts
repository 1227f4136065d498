import type { ProxyAgent } from 'undici';

type Undici = typeof import('./undici-parts.js');

let loaded: Promise<Undici> | undefined;

/**
 * undici, loaded when the first request is made. Its index also loads fetch, WebSocket, caches and mocks, which takes
 * three times as long (155 ms against 50 ms, where bare Node.js takes 100 ms to start), so the parts are taken by
 * their files. undici has no export map that forbids it but does not promise that these files stay, so package.json
 * names its version exactly: an update is made here, with the tests, and never in the folder of a user.
 */
export function loadUndici(): Promise<Undici> {
  loaded ??= import('./undici-parts.js');
  return loaded;
}

/** A way through a proxy, loaded when there is one. */
export async function loadProxyAgent(): Promise<typeof ProxyAgent> {
  return (await import('./undici-proxy.js')).ProxyAgent;
}
