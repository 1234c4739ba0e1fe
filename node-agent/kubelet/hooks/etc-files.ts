import type { FileTree } from '../../../shared/host/file-tree.ts'
import { hostsFile, resolvConf, type DnsConfig } from '../pod/etc-files.ts'
import type { PodRecord } from '../pod/record.ts'
import type { PodHook } from './hook.ts'

/** /etc/hosts and /etc/resolv.conf; after the network, whose address stands in them. */
export const etcFilesHook = (options: { files: FileTree; dns: DnsConfig; warn: (record: PodRecord, reason: string, message: string) => void }): PodHook => ({
  name: 'etc-files',
  async setUp({ record, pod }) {
    const { files, dns } = options
    await files.makeDir(record.paths.root, 0o755)
    const nodeHosts = pod.spec?.hostNetwork ? (await files.read('/etc/hosts')) ?? '' : ''
    // In place: a container has the file itself mounted, not its name. A running one may have changed it, so it is made once per sandbox address.
    const text = hostsFile(pod, { ips: record.ips, nodeHosts, clusterDomain: dns.domain })
    if ((await files.read(record.paths.hosts)) !== text) await files.write(record.paths.hosts, text, { mode: 0o644 })
    const resolver = resolvConf(pod, (await files.read('/etc/resolv.conf')) ?? '', dns)
    if ((await files.read(record.paths.resolvConf)) === resolver.text) return
    await files.write(record.paths.resolvConf, resolver.text, { mode: 0o644 })
    for (const message of resolver.exceeded) options.warn(record, 'DNSConfigForming', message)
  },
})
