# By the account's short name; where the provider knows only a `base_url`, by the host in it.
terraform import striim_pat_status.account acme
