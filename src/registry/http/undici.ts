import type { ProxyAgent } from 'undici';

type Undici = typeof import('./undici-parts.js');

let loaded: Promise<Undici> | undefined;

/**
 * Loads undici when the first request is made. Its index also loads fetch, WebSocket, caches and mocks, which takes
 * three times as long (155 ms instead of 50 ms; bare Node.js starts in 100 ms), so single files are imported. undici
 * has no export map that forbids this, but it does not promise that the files stay; that is why package.json pins its
 * version. Update it here, and run the tests.
 */
export function loadUndici(): Promise<Undici> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Undici> {
  const parts = await import('./undici-parts.js');
  parts.mendEndsWhilePaused();
  return parts;
}

/** Loads undici's ProxyAgent, which only requests through a proxy need. */
export async function loadProxyAgent(): Promise<typeof ProxyAgent> {
  await loadUndici();
  return (await import('./undici-proxy.js')).ProxyAgent;
}
