import { catalogue } from '../../lib/language';

export const text = catalogue(
  {
    title: 'Telegram groups',
    lead: 'Groups in which an admin has allowed the bot to work.',
    none: 'No group is allowed',
    noneHow: 'Add the bot to a group in Telegram, and send /allow there as an admin of the desk.',
    group: 'Group',
    bot: 'Bot',
    by: 'Allowed by',
    at: 'Since',
    actions: 'Actions',
    disallow: 'Disallow',
    disallowAsk: 'Disallow the group {name}?',
    disallowHow: 'The bot stops working there until an admin sends /allow again.',
    disallowed: 'The group is disallowed',
  },
  {
    title: 'Telegram-Gruppen',
    lead: 'Gruppen, in denen ein Admin dem Bot die Arbeit erlaubt hat.',
    none: 'Keine Gruppe ist erlaubt',
    noneHow: 'Nehmen Sie den Bot in Telegram in eine Gruppe auf, und senden Sie dort als Admin des Desks /allow.',
    group: 'Gruppe',
    bot: 'Bot',
    by: 'Erlaubt von',
    at: 'Seit',
    actions: 'Handlungen',
    disallow: 'Verbieten',
    disallowAsk: 'Die Gruppe {name} verbieten?',
    disallowHow: 'Der Bot arbeitet dort nicht mehr, bis ein Admin wieder /allow sendet.',
    disallowed: 'Die Gruppe ist verboten',
  },
);
