import { type Digest, digestOf } from '../content/digest.js';

/** Returns the ChainIDs of the layers, base first, one for each diffID. (image-spec, config.md, "Layer ChainID") */
export function chainIDs(diffIDs: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffID of diffIDs) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffID : digestOf(Buffer.from(`${below} ${diffID}`)));
  }
  return chain;
}
