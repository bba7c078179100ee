import { useRef } from 'preact/hooks';
import { api, done, once, raw } from '../../api/client';
import { useAction } from '../../api/query';
import { isAdmin } from '../../api/session';
import { writeCsv } from '../../lib/csv';
import { mebibytes } from '../../lib/language';
import { address, go } from '../../lib/router';
import { save } from '../../lib/save';
import { Button } from '../../ui/button';
import { Field, Form } from '../../ui/form';
import { PageHead, Section } from '../../ui/parts';
import { ProblemBox } from '../../ui/problem';
import { toast } from '../../ui/toasts';
import { COLUMNS, columnOf } from './columns';
import { draft, isBlank, newDraft, sheetFrom, type Draft } from './draft';
import { Grid } from './grid';
import { text } from './messages';
import { usePreview, type Previewed } from './preview';
import './page.css';

function change(changes: Partial<Draft>): void {
  draft.value = { ...draft.value, ...changes };
}

export default function NewRequest() {
  const { id, requester, description, sheet } = draft.value;
  const file = useRef<HTMLInputElement>(null);
  const blank = isBlank(sheet);
  const spec = writeCsv([sheet.titles, ...sheet.rows]);
  const checked = usePreview(blank ? null : spec, requester);
  const { preview, current } = checked;

  const load = useAction(async (chosen: File) => {
    const headers = { 'Content-Type': 'application/octet-stream' };
    const read = await (await raw('POST', '/request-vm/spreadsheet', { body: chosen, headers })).json() as { spec: string };
    change({ sheet: sheetFrom(read.spec) });
  });
  const submit = useAction(async () => {
    const request = { id, spec, description, ...(requester ? { requester } : {}) };
    await done(api.POST('/request-vm', { params: { header: once() }, body: { 'request-vm': [request] } }));
    toast.done(text('submitted'));
    draft.value = newDraft();
    go(address(['requests', id]));
  }, { quiet: true });
  const template = useAction(() => save('/request-vm/template', 'machines.csv'));

  const blocked = blank ? text('fillFirst') : !current ? text('stillChecking') : !preview?.good ? text('notGood') : !id ? text('noId') : undefined;
  return (
    <>
      <PageHead title={text('new')} lead={text('newLead')}>
        <Button onClick={() => file.current?.click()} busy={load.busy}>{text('load')}</Button>
        <input ref={file} type="file" class="visually-hidden" tabIndex={-1} aria-hidden="true" accept=".csv,.tsv,.txt,.xlsx,.ods"
          onChange={(event) => {
            const chosen = event.currentTarget.files?.[0];
            if (chosen) void load.run(chosen);
            event.currentTarget.value = '';
          }} />
        <Button onClick={() => void template.run()} busy={template.busy}>{text('template')}</Button>
      </PageHead>
      <p class="hint grid-hint">{text('gridHow')}</p>
      <Grid sheet={sheet} preview={preview} onChange={(to) => change({ sheet: to })} />
      <div class="actions grid-actions">
        <Button small onClick={() => change({ sheet: { ...sheet, rows: [...sheet.rows, sheet.titles.map(() => '')] } })}>{text('addRow')}</Button>
        <MissingColumns />
      </div>
      <Said checked={checked} />
      <Section title={text('id')}>
        <Form onSubmit={() => submit.run()}>
          <div class="form-row">
            <Field label={text('id')} value={id} onInput={(to) => change({ id: to })} required hint={text('idHow')} error={submit.problem?.field('id')} />
            {isAdmin() && (
              <Field label={text('forWhom')} value={requester} onInput={(to) => change({ requester: to })} hint={text('forWhomHow')}
                error={submit.problem?.field('requester')} />
            )}
          </div>
          <Field label={text('description')} value={description} onInput={(to) => change({ description: to })} rows={2} hint={text('descriptionHow')}
            error={submit.problem?.field('description')} />
          {submit.problem && <ProblemBox problem={submit.problem} />}
          <div class="actions"><Button type="submit" kind="primary" blocked={blocked} busy={submit.busy}>{text('submit')}</Button></div>
        </Form>
      </Section>
    </>
  );
}

/** Adds a column that the sheet does not have. */
function MissingColumns() {
  const { sheet } = draft.value;
  const present = sheet.titles.map(columnOf);
  const missing = COLUMNS.filter((name) => !present.includes(name));
  if (missing.length === 0) return null;
  const add = (name: string) => {
    if (name) change({ sheet: { titles: [...sheet.titles, name], rows: sheet.rows.map((row) => [...row, '']) } });
  };
  return (
    <select aria-label={text('addColumn')} value="" onChange={(event) => add(event.currentTarget.value)}>
      <option value="">{text('addColumn')}</option>
      {missing.map((name) => <option key={name} value={name}>{name}</option>)}
    </select>
  );
}

/** What the server says of the table as a whole. */
function Said({ checked }: { checked: Previewed }) {
  const { preview, current, problem } = checked;
  const shown = new Set(draft.value.sheet.titles.flatMap((title) => [title, columnOf(title)]));
  const elsewhere = preview?.problems.filter((item) => {
    const name = item.column ?? item.field;
    return item.row === undefined ? !(name && shown.has(name)) : name !== undefined && !shown.has(name);
  }) ?? [];
  return (
    <div class="said">
      <p role="status">
        {preview && (preview.good && preview.totals
          ? text('good', { n: preview.totals.vms, vcpu: preview.totals.vcpu, memory: mebibytes(preview.totals.memory), disk: preview.totals.disk })
          : text('wrong', { n: preview.problems_total }))}
        {!current && <span class="muted">{` ${text('checking')}`}</span>}
      </p>
      {elsewhere.length > 0 && (
        <div class="problem" role="alert">
          <strong>{text('elsewhere')}</strong>
          <ul>{elsewhere.map((item, index) => <li key={index}>{[item.row, item.column ?? item.field, item.reason].filter(Boolean).join(' · ')}</li>)}</ul>
        </div>
      )}
      {preview && preview.understood.length > 0 && (
        <details>
          <summary>{text('understood')}</summary>
          <ul>{preview.understood.map((line) => <li key={line}>{line}</li>)}</ul>
        </details>
      )}
      {problem && <ProblemBox problem={problem} />}
    </div>
  );
}
