/**
 * The runtime's default seccomp profile: refuses with EPERM the calls that Docker documents as blocked by its default profile
 * ("Significant syscalls blocked by the default profile"), except where a capability that the container has stands for them. Pure.
 */
const byCapability: Readonly<Record<string, readonly string[]>> = {
  CAP_SYS_ADMIN: ['bpf', 'fsconfig', 'fsmount', 'fsopen', 'fspick', 'lookup_dcookie', 'mount', 'mount_setattr', 'move_mount', 'open_tree', 'perf_event_open', 'quotactl', 'quotactl_fd', 'setns', 'umount', 'umount2', 'unshare'],
  CAP_SYS_MODULE: ['create_module', 'delete_module', 'finit_module', 'init_module', 'query_module', 'get_kernel_syms'],
  CAP_SYS_BOOT: ['kexec_file_load', 'kexec_load', 'reboot'],
  CAP_SYS_PTRACE: ['kcmp', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd'],
  CAP_SYS_TIME: ['clock_adjtime', 'clock_settime', 'settimeofday', 'stime'],
  CAP_SYS_RAWIO: ['ioperm', 'iopl'],
  CAP_SYS_NICE: ['get_mempolicy', 'mbind', 'move_pages', 'set_mempolicy'],
  CAP_SYS_PACCT: ['acct'],
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
}
/** Not to be had by any capability: no namespaced meaning, or obsolete. */
const never = ['add_key', 'keyctl', 'request_key', 'nfsservctl', 'pivot_root', 'swapoff', 'swapon', 'sysfs', '_sysctl', 'uselib', 'userfaultfd', 'ustat', 'vm86', 'vm86old']

/** CLONE_NEW* flags of clone(2): namespaces are for those who may administer the system. */
const namespaceFlags = 0x7e020000

export function deniedSyscalls(capabilities: readonly string[]): object {
  const names = [...never, ...Object.entries(byCapability).flatMap(([c, calls]) => (capabilities.includes(c) ? [] : calls))].sort()
  const admin = capabilities.includes('CAP_SYS_ADMIN')
  // Each flag is its own rule: libseccomp compares masked values for equality.
  const flags = Array.from({ length: 32 }, (_, bit) => 2 ** bit).filter((bit) => (namespaceFlags & bit) !== 0)
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: [],
    syscalls: [
      { names, action: 'SCMP_ACT_ERRNO', errnoRet: 1 },
      // clone3 hides its flags behind a pointer: ENOSYS makes libc fall back to clone.
      ...(admin ? [] : [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]),
      ...(admin ? [] : flags.map((bit) => ({ names: ['clone'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, args: [{ index: 0, value: bit, valueTwo: bit, op: 'SCMP_CMP_MASKED_EQ' }] }))),
    ],
  }
}
