import { Disc } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 80,
  title: () => text('title'),
  icon: Disc,
  routes: { '/console/catalog': () => import('./index') },
});
