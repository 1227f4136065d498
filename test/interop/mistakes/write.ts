import { writeFile } from 'node:fs/promises';
import { newestPeer, type PeerName } from '../../support/programs/peers.js';
import { leaveWorkplace } from '../../support/programs/workplace.js';
import { askAll } from './answers.js';
import { documentOf } from './document.js';

/** Writes `docs/mistakes.md` anew: `npm run docs:mistakes`. */
try {
  const peers = { crane: await programOf('crane'), oras: await programOf('oras') };
  const document = documentOf(await askAll(peers));
  await writeFile(new URL('../../../docs/mistakes.md', import.meta.url), document);
} finally {
  await leaveWorkplace(false);
}

async function programOf(name: PeerName): Promise<string> {
  const kept = await newestPeer(name);
  if ('missing' in kept) throw new Error(`this needs ${kept.missing}`);
  return kept.program;
}
