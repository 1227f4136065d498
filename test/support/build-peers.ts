import { buildPeers } from './programs/peers.js';

// Builds the Go programs that npm run test:interop needs, before it runs.
await buildPeers(console.log);
