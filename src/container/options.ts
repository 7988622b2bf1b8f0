// Owns what is asked of a container that the OCI object has no field for. It travels with the object to the child, and
// is stored with it.

export interface Options {
  /** minibox stays as PID 1 and runs the command below itself */
  init: boolean;
  /** the root is changed with chroot(2), for hosts where pivot_root(2) cannot work */
  noPivot: boolean;
  /** writes go to a tmpfs above the rootfs, which ends with the container */
  overlay: boolean;
  /** capabilities that were asked for by name: where the host cannot give one of them, the container must not start */
  requiredCapabilities: readonly string[];
  /** milliseconds until the container is told to end; undefined for never */
  timeout?: number | undefined;
  /** milliseconds between SIGTERM and SIGKILL */
  stopTimeout: number;
  /** every kernel call of the child is reported */
  trace: boolean;
}
