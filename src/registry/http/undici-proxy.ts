// undici's index, which completes the dispatchers: a way through a proxy needs it.
export { ProxyAgent } from 'undici';
