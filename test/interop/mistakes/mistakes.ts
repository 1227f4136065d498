/** The programs in the order of the document. */
export const PROGRAMS = ['docker', 'skopeo', 'crane', 'oras', 'lading'] as const;

export type ProgramName = (typeof PROGRAMS)[number];

export interface Mistake {
  title: string;
  /** What is wrong, in a sentence or two. */
  situation: string;
  /** What a user of each program types; split at spaces, no shell. */
  commands: Record<ProgramName, string>;
}

/** The hosts of the mistakes, as `/etc/hosts` of the network namespace names them. */
export const HOSTS = {
  /** Trusted, open, with `team/app:1` for two platforms. */
  registry: 'registry.lan',
  /** Trusted, for users with the right password. */
  withPassword: 'private.lan',
  /** Has a certificate of an authority that nobody knows. */
  untrusted: 'other.lan',
  /** Refuses connections. */
  down: 'down.lan',
} as const;

/** The file in the working directory that is not an archive: a login page that was saved by curl. */
export const NOT_AN_ARCHIVE = {
  name: 'app.tar',
  text: '<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n',
};

export const MISTAKES: Mistake[] = [
  {
    title: 'A tag that does not exist',
    situation: 'The repository has only the tag `1`.',
    commands: pulls(`${HOSTS.registry}/team/app:2`),
  },
  {
    title: 'A wrong password',
    situation: 'The login that is stored in `~/.docker/config.json` has an old password.',
    commands: pulls(`${HOSTS.withPassword}/team/app:1`),
  },
  {
    title: 'A registry that is not running',
    situation: 'The host is up, but nobody listens there.',
    commands: pulls(`${HOSTS.down}/team/app:1`),
  },
  {
    title: 'A certificate that is not trusted',
    situation:
      'The certificate of the registry is signed by an authority of the site, which this machine does not know.',
    commands: pulls(`${HOSTS.untrusted}/team/app:1`),
  },
  {
    title: 'A platform that the image does not have',
    situation: 'The image is there for linux/amd64 and linux/arm64.',
    commands: {
      docker: `docker pull --platform linux/s390x ${HOSTS.registry}/team/app:1`,
      skopeo: `skopeo --override-arch s390x copy docker://${HOSTS.registry}/team/app:1 docker-archive:out.tar`,
      crane: `crane pull --platform linux/s390x ${HOSTS.registry}/team/app:1 out.tar`,
      oras: `oras cp --platform linux/s390x ${HOSTS.registry}/team/app:1 --to-oci-layout out:1`,
      lading: `lading save --platform linux/s390x ${HOSTS.registry}/team/app:1 -o out.tar`,
    },
  },
  {
    title: 'A file that is not an archive',
    situation: '`app.tar` is the sign-in page of a web server, which was saved instead of the archive.',
    commands: {
      docker: `docker load -i ${NOT_AN_ARCHIVE.name}`,
      skopeo: `skopeo copy docker-archive:${NOT_AN_ARCHIVE.name} docker://${HOSTS.registry}/team/app:2`,
      crane: `crane push ${NOT_AN_ARCHIVE.name} ${HOSTS.registry}/team/app:2`,
      oras: `oras restore --input ${NOT_AN_ARCHIVE.name} ${HOSTS.registry}/team/app:2`,
      lading: `lading load -i ${NOT_AN_ARCHIVE.name} ${HOSTS.registry}`,
    },
  },
];

function pulls(image: string): Record<ProgramName, string> {
  return {
    docker: `docker pull ${image}`,
    skopeo: `skopeo copy docker://${image} docker-archive:out.tar`,
    crane: `crane pull ${image} out.tar`,
    oras: `oras cp ${image} --to-oci-layout out:1`,
    lading: `lading save ${image} -o out.tar`,
  };
}
