export const NODE_VERSION: string;
export const ARCHITECTURES: string[];
export function nodeFor(architecture: string): Promise<string>;
