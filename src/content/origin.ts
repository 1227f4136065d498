/** A place where a file names an image. */
export interface ImageOrigin {
  /** The file as the user named it; of an archive, the archive and the file in it. */
  file: string;
  /** The line, from 1. */
  line: number;
  /** The place in the document, such as `spec.containers[0].image`; empty in a plain list. */
  path: string;
  /**
   * How sure it is that an image is named: `certain` in a field that is defined as an image, `likely` in one that is
   * called like one, `possible` elsewhere.
   */
  grade: 'certain' | 'likely' | 'possible';
}
