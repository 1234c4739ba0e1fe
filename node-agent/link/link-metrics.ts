/** What a scrape of the agent tells of its link; read when somebody asks. */
import type { Metrics } from '../../shared/base/metrics.ts'
import type { LinkConnection } from './connection.ts'
import type { DesiredStore } from './desired-store.ts'
import type { StatusOutbox } from './status-outbox.ts'

export function collectLinkMetrics(metrics: Metrics, link: { readonly connection: Pick<LinkConnection, 'state' | 'traffic'>; readonly outbox: Pick<StatusOutbox, 'unconfirmed'>; readonly desired: Pick<DesiredStore, 'position'> }): void {
  const one = (name: string, kind: 'counter' | 'gauge', help: string, read: () => number): void => { metrics.collected(name, { kind, help, read: () => [{ labels: [], value: read() }] }) }
  metrics.collected('bramble_agent_link_state', { kind: 'gauge', help: '1 for the state that the connection to the control plane is in.', labels: ['state'], read: () => [{ labels: [link.connection.state], value: 1 }] })
  one('bramble_agent_link_up', 'gauge', '1 while this node and the control plane hear each other.', () => (link.connection.state === 'live' ? 1 : 0))
  one('bramble_agent_link_sent_bytes_total', 'counter', 'Bytes sent over the connection that is open.', () => link.connection.traffic.sent)
  one('bramble_agent_link_received_bytes_total', 'counter', 'Bytes received over the connection that is open.', () => link.connection.traffic.received)
  one('bramble_agent_outbox_reports', 'gauge', 'Reports that wait for a connection or a receipt.', () => link.outbox.unconfirmed)
  one('bramble_agent_desired_revision', 'gauge', 'Revision of the desired state that is on disk.', () => link.desired.position?.revision ?? 0)
}
