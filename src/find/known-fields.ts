/**
 * Where custom resources of widely used operators, and some kinds of Kubernetes itself, have images. This is data, for
 * anyone to extend. What is not listed here is still found, as `likely`, if its key is called an image; pod templates
 * (`containers`, `initContainers`, `ephemeralContainers`) are found in every kind.
 */
export interface KnownKind {
  /** The group of `apiVersion`, without its version; `*.` at its start stands for any beginning, the empty text for the core group. */
  group: string;
  /** Default: every kind of the group. */
  kinds?: readonly string[];
  /**
   * Paths of images: `[]` stands for each element of a list, `*` for each member of a mapping, `**` for any number of
   * levels.
   */
  images?: readonly string[];
  /** Mappings whose members make a name together; each path is relative to `of`, and `^` stands for `spec`. `last` is the end of the repository. */
  composed?: readonly {
    of: string;
    registry?: string;
    repository: string;
    name?: string;
    last?: string;
    version?: readonly string[];
  }[];
  /** Paths of what looks like an image and is none, such as the name that a build gives to its result. */
  not?: readonly string[];
  /** Only below these paths there may be images; the rest is patterns. */
  only?: readonly string[];
  /** The kind never has images: roles, policies with patterns of names. */
  isWithout?: true;
}

/** Flags of programs whose value is an image, though they are not called one: without dashes. */
export const KNOWN_FLAGS: ReadonlySet<string> = new Set(['prometheus-config-reloader']);

export const KNOWN_KINDS: readonly KnownKind[] = [
  // Kubernetes and OpenShift
  { group: 'rbac.authorization.k8s.io', isWithout: true },
  { group: 'authorization.openshift.io', isWithout: true },
  { group: 'admissionregistration.k8s.io', isWithout: true },
  { group: 'networking.k8s.io', isWithout: true },
  { group: 'policy', isWithout: true },
  { group: 'storage.k8s.io', isWithout: true },
  { group: 'scheduling.k8s.io', isWithout: true },
  { group: 'apiregistration.k8s.io', isWithout: true },
  { group: 'autoscaling', isWithout: true },
  { group: 'certificates.k8s.io', isWithout: true },
  { group: 'coordination.k8s.io', isWithout: true },
  { group: 'discovery.k8s.io', isWithout: true },
  { group: 'gateway.networking.k8s.io', isWithout: true },
  {
    group: '',
    kinds: [
      ...['Service', 'ServiceAccount', 'Namespace', 'Endpoints', 'PersistentVolume', 'PersistentVolumeClaim'],
      ...['ResourceQuota', 'LimitRange', 'Event'],
    ],
    isWithout: true,
  },
  { group: 'image.openshift.io', kinds: ['ImageStream'], images: ['spec.dockerImageRepository'] },
  { group: 'build.openshift.io', not: ['spec.output'] },
  { group: 'config.openshift.io', kinds: ['ClusterVersion'], images: ['spec.desiredUpdate.image'] },
  { group: 'config.openshift.io', isWithout: true },
  { group: 'operator.openshift.io', kinds: ['ImageContentSourcePolicy'], isWithout: true },
  { group: 'hypershift.openshift.io', images: ['spec.release.image', 'spec.**.image'] },
  { group: 'hive.openshift.io', images: ['spec.releaseImage'] },
  {
    group: 'machineconfiguration.openshift.io',
    images: ['spec.osImageURL', 'spec.baseOSExtensionsContainerImage'],
  },
  {
    group: 'operators.coreos.com',
    kinds: ['ClusterServiceVersion'],
    images: ['spec.relatedImages[].image', 'metadata.annotations.containerImage'],
  },
  { group: 'operators.coreos.com', kinds: ['CatalogSource'], images: ['spec.image'] },
  { group: 'olm.operatorframework.io', images: ['spec.source.image.ref'] },
  // Policies
  { group: 'kyverno.io', only: ['spec.rules[].mutate', 'spec.rules[].generate'] },
  { group: 'policies.kyverno.io', isWithout: true },
  { group: 'constraints.gatekeeper.sh', isWithout: true },
  { group: 'templates.gatekeeper.sh', isWithout: true },
  { group: 'config.gatekeeper.sh', isWithout: true },
  { group: 'mutations.gatekeeper.sh', isWithout: true },
  { group: 'policy.sigstore.dev', isWithout: true },
  { group: 'policies.kubewarden.io', images: ['spec.module'], not: ['spec.settings', 'spec.rules'] },
  { group: 'security.istio.io', isWithout: true },
  { group: 'networking.istio.io', isWithout: true },
  // Clusters
  ...['kubeadm.k8s.io', 'controlplane.cluster.x-k8s.io', 'bootstrap.cluster.x-k8s.io'].map((group) => ({
    group,
    composed: [
      { of: '**.dns', repository: 'imageRepository', last: 'coredns', version: ['imageTag'] },
      { of: '**.etcd.local', repository: 'imageRepository', last: 'etcd', version: ['imageTag'] },
    ],
  })),
  // Machines, whose images are disks
  {
    group: 'infrastructure.cluster.x-k8s.io',
    kinds: ['DockerMachineTemplate', 'DockerMachine'],
    images: ['**.customImage'],
  },
  { group: 'infrastructure.cluster.x-k8s.io', isWithout: true },
  { group: 'karpenter.k8s.aws', isWithout: true },
  { group: 'karpenter.sh', isWithout: true },
  { group: 'machine.openshift.io', isWithout: true },
  { group: 'metal3.io', isWithout: true },
  // Delivery
  {
    group: 'argoproj.io',
    images: ['**.container.image', '**.script.image', '**.sidecars[].image', '**.kustomize.images[]'],
    composed: [{ of: 'spec', repository: 'image', version: ['version'] }],
  },
  { group: 'tekton.dev', images: ['**.steps[].image', '**.sidecars[].image', '**.stepTemplate.image'] },
  { group: 'operator.tekton.dev', images: ['spec.**.image'] },
  ...['kappctrl.k14s.io', 'packaging.carvel.dev', 'data.packaging.carvel.dev', 'vendir.k14s.io'].map(
    (group) => ({
      group,
      images: ['**.imgpkgBundle.image', '**.image.url'],
    }),
  ),
  { group: 'image.toolkit.fluxcd.io', isWithout: true },
  {
    group: 'source.toolkit.fluxcd.io',
    kinds: ['OCIRepository'],
    composed: [{ of: 'spec', repository: 'url', version: ['ref.digest', 'ref.semver', 'ref.tag'] }],
  },
  { group: 'source.toolkit.fluxcd.io', isWithout: true },
  {
    group: 'kpack.io',
    images: [
      'spec.buildImage.image',
      'spec.runImage.image',
      'spec.sources[].image',
      'spec.source.registry.image',
    ],
    not: ['spec.tag', 'spec.additionalTags'],
  },
  {
    group: 'shipwright.io',
    images: [
      'spec.buildSteps[].image',
      'spec.steps[].image',
      'spec.builder.image',
      'spec.runtime.base.image',
    ],
    not: ['spec.output'],
  },
  {
    group: 'upgrade.cattle.io',
    composed: [
      { of: 'spec.upgrade', repository: 'image' },
      { of: 'spec', repository: 'upgrade.image', version: ['version'] },
      { of: 'spec', repository: 'prepare.image', version: ['version'] },
    ],
  },
  { group: 'helm.cattle.io', images: ['spec.jobImage'] },
  {
    group: 'meta.pkg.crossplane.io',
    composed: [
      { of: 'spec.dependsOn[]', repository: 'provider', version: ['version'] },
      { of: 'spec.dependsOn[]', repository: 'configuration', version: ['version'] },
      { of: 'spec.dependsOn[]', repository: 'function', version: ['version'] },
      { of: 'spec.dependsOn[]', repository: 'package', version: ['version'] },
    ],
  },
  { group: 'pkg.crossplane.io', images: ['spec.package'] },
  {
    group: 'actions.summerwind.dev',
    images: ['spec.template.spec.image', 'spec.template.spec.dockerImage', 'spec.image', 'spec.dockerImage'],
  },
  {
    group: 'actions.summerwind.net',
    images: ['spec.template.spec.image', 'spec.template.spec.dockerImage', 'spec.image', 'spec.dockerImage'],
  },
  // Databases and queues
  {
    group: 'postgresql.cnpg.io',
    images: [
      'spec.imageName',
      'spec.images[].image',
      'spec.postgresql.extensions[].image.reference',
      'spec.monitoring.image',
    ],
  },
  {
    group: 'acid.zalan.do',
    images: [
      'spec.dockerImage',
      'configuration.docker_image',
      'configuration.**.*_image',
      'spec.**.dockerImage',
    ],
  },
  { group: 'postgres-operator.crunchydata.com', images: ['spec.image', 'spec.**.image'] },
  { group: 'pgv2.percona.com', images: ['spec.**.image'] },
  { group: 'pxc.percona.com', images: ['spec.**.image'] },
  { group: 'psmdb.percona.com', images: ['spec.**.image'] },
  { group: 'ps.percona.com', images: ['spec.**.image'] },
  { group: 'k8s.mariadb.com', images: ['spec.**.image'] },
  { group: 'mariadb.mmontes.io', images: ['spec.**.image'] },
  { group: 'mysql.oracle.com', images: ['spec.**.image'] },
  { group: 'kafka.strimzi.io', images: ['spec.**.image'], not: ['spec.build.output'] },
  { group: 'redis.redis.opstreelabs.in', images: ['spec.**.image'] },
  { group: 'databases.spotahome.com', images: ['spec.**.image'] },
  { group: 'rabbitmq.com', images: ['spec.image'] },
  { group: 'minio.min.io', images: ['spec.**.image'] },
  {
    group: 'k8ssandra.io',
    composed: [
      { of: 'spec.**', registry: 'registry', repository: 'repository', name: 'name', version: ['tag'] },
    ],
  },
  { group: 'cassandra.datastax.com', images: ['spec.serverImage', 'spec.**.*Image'] },
  {
    group: 'scylla.scylladb.com',
    composed: [
      { of: 'spec', repository: 'repository', version: ['version'] },
      { of: 'spec', repository: 'agentRepository', version: ['agentVersion'] },
    ],
  },
  {
    group: 'pingcap.com',
    composed: [{ of: 'spec.*', repository: 'baseImage', version: ['version', '^version'] }],
    images: ['spec.**.image'],
  },
  { group: 'crdb.cockroachlabs.com', images: ['spec.image.name'] },
  {
    group: 'zookeeper.pravega.io',
    composed: [{ of: 'spec.image', repository: 'repository', version: ['tag'] }],
  },
  { group: 'solr.apache.org', composed: [{ of: 'spec.**', repository: 'repository', version: ['tag'] }] },
  { group: 'couchbase.com', images: ['spec.**.image'] },
  { group: 'apps.emqx.io', images: ['spec.image'] },
  { group: 'hazelcast.com', composed: [{ of: 'spec', repository: 'repository', version: ['version'] }] },
  { group: 'infinispan.org', images: ['spec.image'] },
  { group: 'planetscale.com', images: ['spec.images.**.*', 'spec.images.*'] },
  { group: 'opensearch.opster.io', images: ['spec.**.image'] },
  { group: '*.k8s.elastic.co', images: ['spec.image', 'spec.config.image'] },
  { group: 'arangodb.com', images: ['spec.image', 'spec.**.image'] },
  { group: 'database.arangodb.com', images: ['spec.image', 'spec.**.image'] },
  { group: 'memcached.com', images: ['spec.image'] },
  // Storage
  { group: 'ceph.rook.io', images: ['spec.cephVersion.image', 'spec.**.image'] },
  { group: 'csi.ceph.io', images: ['spec.**.image'] },
  { group: 'longhorn.io', images: ['spec.image', 'spec.engineImage'] },
  { group: 'velero.io', isWithout: true },
  // Reports on images that run
  { group: 'aquasecurity.github.io', isWithout: true },
  { group: 'wgpolicyk8s.io', isWithout: true },
  { group: 'spdx.softwarecomposition.kubescape.io', isWithout: true },
  { group: 'portieris.cloud.ibm.com', isWithout: true },
  // Observation
  {
    group: 'monitoring.coreos.com',
    kinds: ['Prometheus', 'PrometheusAgent', 'Alertmanager', 'ThanosRuler'],
    images: ['spec.image', 'spec.thanos.image'],
    composed: [
      { of: 'spec', repository: 'baseImage', version: ['sha', 'tag', 'version'] },
      { of: 'spec.thanos', repository: 'baseImage', version: ['sha', 'tag', 'version'] },
    ],
  },
  { group: 'monitoring.coreos.com', isWithout: true },
  { group: 'jaegertracing.io', images: ['spec.**.image'] },
  { group: 'opentelemetry.io', images: ['spec.**.image'] },
  { group: 'grafana.integreatly.org', images: ['spec.**.image'] },
  { group: 'tempo.grafana.com', images: ['spec.images.*'] },
  {
    group: 'kiali.io',
    composed: [
      { of: 'spec.deployment', repository: 'image_name', version: ['image_digest', 'image_version'] },
    ],
  },
  {
    group: 'logging.banzaicloud.io',
    composed: [{ of: 'spec.**', repository: 'repository', version: ['tag'] }],
  },
  { group: 'datadoghq.com', images: ['spec.**.image.name'] },
  // Networks, security, identity
  {
    group: 'operator.tigera.io',
    kinds: ['ImageSet'],
    composed: [{ of: 'spec.images[]', repository: 'image', version: ['digest'] }],
  },
  { group: 'gateway.envoyproxy.io', images: ['spec.**.container.image', 'spec.**.image'] },
  { group: 'extensions.istio.io', images: ['spec.url'] },
  { group: 'k8s.keycloak.org', images: ['spec.image'] },
  {
    group: 'mellanox.com',
    composed: [{ of: 'spec.**', repository: 'repository', name: 'image', version: ['version'] }],
  },
  {
    group: 'nvidia.com',
    composed: [{ of: 'spec.**', repository: 'repository', name: 'image', version: ['version'] }],
  },
  { group: 'nfd.openshift.io', images: ['spec.operand.image'] },
  { group: 'nfd.kubernetes.io', images: ['spec.operand.image'] },
  { group: 'vault.banzaicloud.com', images: ['spec.**.*Image', 'spec.image'] },
  // Computing
  { group: 'flink.apache.org', images: ['spec.image'] },
  { group: 'sparkoperator.k8s.io', images: ['spec.**.image'] },
  { group: 'ray.io', images: ['spec.**.image'] },
  {
    group: 'awx.ansible.com',
    images: ['spec.ee_images[].image', 'spec.control_plane_ee_image'],
  },
  {
    group: 'kubevirt.io',
    images: ['**.containerDisk.image', '**.kernelBoot.container.image', '**.source.registry.url'],
  },
  { group: 'cdi.kubevirt.io', images: ['**.source.registry.url'] },
  { group: 'wildfly.org', images: ['spec.applicationImage'] },
];
