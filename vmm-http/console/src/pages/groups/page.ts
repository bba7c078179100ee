import { Chat } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'administration',
  place: 40,
  admin: true,
  title: () => text('title'),
  icon: Chat,
  routes: { '/console/groups': () => import('./index') },
});
