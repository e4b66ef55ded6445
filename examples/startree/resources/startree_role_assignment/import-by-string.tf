import {
  to = startree_role_assignment.analysts
  id = "orders-reader/group/data-analysts"
}
