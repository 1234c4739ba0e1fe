import { expect, it } from 'vitest'
import { Metrics } from './metrics.ts'

it('prints counters, gauges and histograms as Prometheus reads them', () => {
  const metrics = new Metrics()
  const requests = metrics.counter('requests_total', 'Requests.', 'verb', 'code')
  requests.labels('GET', '200').inc()
  requests.labels('GET', '200').inc(2)
  requests.labels('P"U\\T', '500').inc()
  metrics.gauge('inflight', 'Now.').labels().set(3)
  const seconds = metrics.histogram('seconds', 'Time.', { buckets: [0.1, 1], labels: ['verb'] }).labels('GET')
  for (const s of [0.05, 0.1, 0.5, 7]) seconds.observe(s)
  metrics.collected('objects', { kind: 'gauge', help: 'Stored.', labels: ['resource'], read: () => [{ labels: ['pods'], value: 4 }] })
  metrics.counter('never', 'Not counted.', 'x')
  expect(metrics.render()).toBe([
    '# HELP inflight Now.', '# TYPE inflight gauge', 'inflight 3',
    '# HELP objects Stored.', '# TYPE objects gauge', 'objects{resource="pods"} 4',
    '# HELP requests_total Requests.', '# TYPE requests_total counter', 'requests_total{verb="GET",code="200"} 3', 'requests_total{verb="P\\"U\\\\T",code="500"} 1',
    '# HELP seconds Time.', '# TYPE seconds histogram', 'seconds_bucket{verb="GET",le="0.1"} 2', 'seconds_bucket{verb="GET",le="1"} 3', 'seconds_bucket{verb="GET",le="+Inf"} 4',
    'seconds_sum{verb="GET"} 7.65', 'seconds_count{verb="GET"} 4', '',
  ].join('\n'))
})

it('is one registry: who asks for a name again gets the same metric', () => {
  const metrics = new Metrics()
  metrics.counter('a', 'A.', 'x').labels('1').inc()
  metrics.counter('a', 'A.', 'x').labels('1').inc()
  expect(metrics.render()).toContain('a{x="1"} 2\n')
})
