import {
  to = striim_pat_status.account
  identity = {
    account = "acme"
  }
}
