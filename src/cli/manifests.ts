import { Document } from './yaml.js';

/** An object of Kubernetes, and what a reader should know of it. */
export interface Manifest {
  comment?: string;
  object: Record<string, unknown>;
}

/** Formats manifests as one YAML stream. */
export function formatManifests(manifests: readonly Manifest[]): string {
  return manifests
    .map(({ comment, object }) => {
      const document = new Document(object, { aliasDuplicateObjects: false });
      if (comment !== undefined) document.commentBefore = comment.replace(/^/gm, ' ');
      return document.toString({ lineWidth: 0 });
    })
    .join('---\n');
}
