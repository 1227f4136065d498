import { buildPeers } from './programs/peers.js';

// Builds the programs in Go that npm run test:interop needs, ahead of it.
await buildPeers(console.log);
