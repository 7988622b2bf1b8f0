// Owns what can be asked of a container and has no field in the OCI object. The options are sent to the child
// together with that object.

export interface Options {
  /** minibox stays PID 1 and runs the command as its child */
  init: boolean;
  /** the root is changed with chroot(2), for hosts where pivot_root(2) cannot work */
  noPivot: boolean;
  /** writes go to a tmpfs over the rootfs, which is gone when the container ends */
  overlay: boolean;
  /** capabilities that were asked for by name: where one of them cannot be given, the container does not start */
  requiredCapabilities: readonly string[];
  /** milliseconds after which the container gets SIGTERM; undefined for never */
  timeout?: number | undefined;
  /** milliseconds between SIGTERM and SIGKILL */
  stopTimeout: number;
  /** every kernel call of the child is reported */
  trace: boolean;
}
