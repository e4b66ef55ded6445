import {
  to = striim_pat_status.account
  id = "acme"
}
