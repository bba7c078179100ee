import { catalogue } from '../lib/language';

/** The words for the states of the desk's things. */
export const text = catalogue(
  {
    'vm.on': 'on', 'vm.off': 'off', 'vm.saved': 'saved', 'vm.paused': 'paused', 'vm.unknown': 'unknown', 'vm.request': 'requested',
    'reason.user': 'paused by somebody', 'reason.io-error': 'a disk could not be read or written', 'reason.migration': 'migration',
    'reason.saving': 'its memory is being saved', 'reason.snapshot': 'snapshot', 'reason.crashed': 'crashed', 'reason.watchdog': 'watchdog',
    'reason.sleeping': 'sleeping', 'reason.other': 'another reason', 'reason.missing': 'missing on the host',
    'reason.unreachable': 'the host does not answer', 'reason.unreadable': 'its state cannot be read',
    'job.queued': 'queued', 'job.running': 'running', 'job.undoing': 'being undone', 'job.done': 'done', 'job.failed': 'failed',
    'job.cancelled': 'cancelled', 'job.stuck': 'stuck', 'job.closed': 'closed',
    'request.pending': 'waits for a decision', 'request.approved': 'approved', 'request.running': 'in progress', 'request.done': 'done',
    'request.failed': 'failed', 'request.rejected': 'rejected', 'request.cancelled': 'withdrawn',
    'run.queued': 'queued', 'run.running': 'running', 'run.done': 'done', 'run.failed': 'failed', 'run.unknown': 'end unknown',
    'run.interrupted': 'interrupted', 'run.cancelled': 'cancelled',
    'outcome.started': 'started', 'outcome.done': 'done', 'outcome.failed': 'failed', 'outcome.denied': 'denied',
    'verdict.ok': 'good', 'verdict.warning': 'warning', 'verdict.wrong': 'wrong',
  },
  {
    'vm.on': 'an', 'vm.off': 'aus', 'vm.saved': 'gesichert', 'vm.paused': 'angehalten', 'vm.unknown': 'unbekannt', 'vm.request': 'beantragt',
    'reason.user': 'von jemandem angehalten', 'reason.io-error': 'eine Platte ließ sich nicht lesen oder schreiben', 'reason.migration': 'Umzug',
    'reason.saving': 'der Speicher wird gesichert', 'reason.snapshot': 'Schnappschuss', 'reason.crashed': 'abgestürzt', 'reason.watchdog': 'Watchdog',
    'reason.sleeping': 'schläft', 'reason.other': 'anderer Grund', 'reason.missing': 'fehlt auf dem Host',
    'reason.unreachable': 'der Host antwortet nicht', 'reason.unreadable': 'der Zustand ist nicht lesbar',
    'job.queued': 'wartet', 'job.running': 'läuft', 'job.undoing': 'wird rückgängig gemacht', 'job.done': 'fertig', 'job.failed': 'gescheitert',
    'job.cancelled': 'abgebrochen', 'job.stuck': 'hängt', 'job.closed': 'geschlossen',
    'request.pending': 'wartet auf Entscheidung', 'request.approved': 'genehmigt', 'request.running': 'in Arbeit', 'request.done': 'fertig',
    'request.failed': 'gescheitert', 'request.rejected': 'abgelehnt', 'request.cancelled': 'zurückgezogen',
    'run.queued': 'wartet', 'run.running': 'läuft', 'run.done': 'fertig', 'run.failed': 'gescheitert', 'run.unknown': 'Ende unbekannt',
    'run.interrupted': 'unterbrochen', 'run.cancelled': 'abgebrochen',
    'outcome.started': 'begonnen', 'outcome.done': 'fertig', 'outcome.failed': 'gescheitert', 'outcome.denied': 'verweigert',
    'verdict.ok': 'gut', 'verdict.warning': 'Warnung', 'verdict.wrong': 'falsch',
  },
);
