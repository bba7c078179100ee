import { api, done } from '../../api/client';
import { useQuery } from '../../api/query';
import { bytes, number } from '../../lib/language';
import { Bar, Loaded, Section, Table } from '../../ui/parts';
import { text } from './messages';

/** What the account may have, and what it has. */
export function Limits() {
  const limits = useQuery('limits', (signal) => done(api.GET('/limits', { signal })), { every: 30_000 });
  return (
    <Section title={text('limits')}>
      <Loaded query={limits}>
        {({ limit }) => (
          <Table label={text('limits')} head={[text('budget'), text('counts'), text('taken'), text('limit')]}>
            {limit.map((item) => {
              const show = item.limit >= 1024 * 1024 ? bytes : number;
              return (
                <tr key={item.budget}>
                  <td class="nowrap">{item.budget}</td>
                  <td class="muted">{item.counts}</td>
                  <td class="nowrap">{text('of', { taken: show(item.taken), limit: show(item.limit) })}</td>
                  <td><Bar percent={(item.taken / Math.max(1, item.limit)) * 100} label={item.budget} tone={item.limit > 1 && item.taken >= item.limit ? 'bad' : 'busy'} /></td>
                </tr>
              );
            })}
          </Table>
        )}
      </Loaded>
    </Section>
  );
}
