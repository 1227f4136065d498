export const NODE_VERSION: string;
export const ARCHITECTURES: Architecture[];
export type Architecture = 'x64' | 'arm64';
export const OTHER_NAME: Record<Architecture, string>;
export function nodeFor(architecture: string): Promise<string>;
