import {
  to = startree_role_assignment.analysts
  identity = {
    role         = "orders-reader"
    subject_type = "group"
    subject      = "data-analysts"
  }
}
