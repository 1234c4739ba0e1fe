/** Files in the format of kernels, written by hand: version 1, and version 2 as Raspberry Pi OS has it. */
import { describe, expect, it } from 'vitest'
import { parsePressure, parseV1, parseV2 } from './cgroup-reading.ts'
import { busyNanos, meminfo, parseNetDev, vmstat } from './proc-files.ts'

const v1 = {
  'cpuacct/cpuacct.usage': '81234567890\n',
  'memory/memory.usage_in_bytes': '73400320\n',
  'memory/memory.stat': 'cache 9568256\nrss 11194368\nmapped_file 7692288\nswap 0\npgfault 34822\npgmajfault 1\ninactive_file 12288\nhierarchical_memory_limit 104857600\ntotal_cache 12713984\ntotal_rss 60686336\ntotal_mapped_file 8110080\ntotal_pgfault 35000\ntotal_pgmajfault 7\ntotal_swap 4096\ntotal_inactive_file 4632576\n',
  'cpu/cpu.stat': 'nr_periods 120\nnr_throttled 7\nthrottled_time 350000000\nnr_bursts 0\nburst_time 0\n', 'cpu/cpu.shares': '512\n', 'cpu/cpu.cfs_quota_us': '50000\n', 'cpu/cpu.cfs_period_us': '100000\n',
  'memory/memory.limit_in_bytes': '104857600\n', 'memory/memory.failcnt': '3\n', 'pids/pids.current': '4\n',
}
const v2 = {
  'cpu.stat': 'usage_usec 81234567\nuser_usec 71234567\nsystem_usec 10000000\nnice_usec 0\nnr_periods 120\nnr_throttled 7\nthrottled_usec 350000\nnr_bursts 0\nburst_usec 0\n',
  'memory.current': '73400320\n', 'memory.stat': 'anon 60686336\nfile 12713984\nkernel 1048576\nfile_mapped 8110080\ninactive_file 4632576\nactive_file 8081408\npgfault 35000\npgmajfault 7\n', 'memory.swap.current': '4096\n',
  'cpu.weight': '20\n', 'cpu.max': '50000 100000\n', 'memory.max': '104857600\n', 'memory.events': 'low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\n', 'pids.current': '4\n',
  'cpu.pressure': 'some avg10=1.50 avg60=0.75 avg300=0.10 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
}
const same = {
  cpuNanos: 81_234_567_000, throttling: { periods: 120, throttledPeriods: 7, throttledNanos: 350_000_000 }, memoryBytes: 73_400_320, workingSetBytes: 68_767_744, rssBytes: 60_686_336, cacheBytes: 12_713_984, mappedFileBytes: 8_110_080,
  pageFaults: 35_000, majorPageFaults: 7, swapBytes: 4096, memoryLimitBytes: 104_857_600, failures: 3, processes: 4, cpuQuotaMicros: 50_000, cpuPeriodMicros: 100_000,
}

describe('a cgroup', () => {
  it('says the same in both versions', () => {
    expect(parseV1(v1)).toEqual({ ...same, cpuNanos: 81_234_567_890, cpuShares: 512 })
    expect(parseV2(v2)).toEqual({ ...same, cpuShares: 500, pressure: { cpu: { some: { avg10: 1.5, avg60: 0.75, avg300: 0.1, total: 123_456 }, full: { avg10: 0, avg60: 0, avg300: 0, total: 0 } } } })
  })
  it('without limits has none', () => {
    expect(parseV1({ ...v1, 'memory/memory.limit_in_bytes': '9223372036854771712\n', 'cpu/cpu.cfs_quota_us': '-1\n' })).not.toHaveProperty('memoryLimitBytes')
    expect(parseV1({ ...v1, 'cpu/cpu.cfs_quota_us': '-1\n' })).not.toHaveProperty('cpuQuotaMicros')
    const open = parseV2({ ...v2, 'memory.max': 'max\n', 'cpu.max': 'max 100000\n' })
    expect([open?.memoryLimitBytes, open?.cpuQuotaMicros, open?.cpuPeriodMicros]).toEqual([undefined, undefined, 100_000])
  })
  it('that is gone is no reading', () => { expect([parseV1({}), parseV2({ 'memory.current': '1' })]).toEqual([undefined, undefined]) })
  it('of a kernel without pressure has none', () => { expect(parsePressure('')).toBeUndefined() })
})

describe('/proc', () => {
  it('tells of interfaces, without the loopback', () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 7919152   43210    0    0    0     0          0         0  7919152   43210    0    0    0     0       0          0
  eth0:  104857     812    1    2    0     0          0         0    52428     640    3    4    0     0       0          0
`
    expect(parseNetDev(text)).toEqual([{ name: 'eth0', rxBytes: 104_857, rxPackets: 812, rxErrors: 1, rxDropped: 2, txBytes: 52_428, txPackets: 640, txErrors: 3, txDropped: 4 }])
    expect(parseNetDev('')).toEqual([])
  })
  it('tells of processors and memory', () => {
    expect(busyNanos('cpu  10 2 3 1000 50 1 1 3 0 0\ncpu0 10 2 3 1000 50 1 1 3 0 0\n')).toBe(200_000_000)
    expect([meminfo('MemTotal:        3880000 kB\n', 'MemTotal'), meminfo('', 'MemTotal'), vmstat('pgfault 12\npgmajfault 3\n', 'pgmajfault')]).toEqual([3_973_120_000, 0, 3])
  })
})
