// ProxyAgent needs undici's index, which adds the methods to the dispatchers.
export { ProxyAgent } from 'undici';
