# A changed expires_at rotates a token; removing an entry revokes it.
tokens = {
  ci-pipeline = {
    description = "Deploys the pipelines; requested by the platform team"
    expires_at  = "2027-06-30T00:00:00Z"
  }
  nightly-jobs = {
    description = "Runs the nightly loads; requested by the data team"
    expires_at  = "2027-06-30T00:00:00Z"
  }
}
