# A later expires_at rotates the token; a line that goes revokes it.
tokens = {
  ci-pipeline = {
    description = "Deploys the pipelines; asked for by the platform team"
    expires_at  = "2027-06-30T00:00:00Z"
  }
  nightly-jobs = {
    description = "Runs the nightly loads; asked for by the data team"
    expires_at  = "2027-06-30T00:00:00Z"
  }
}
