import {
  to = startree_role.reader
  id = "orders-reader"
}
