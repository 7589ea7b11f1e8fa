"""The process that stays: it watches registries, hears webhooks, runs every rollout and serves the API.

    agenda      one heap of due times; pure
    workers     bounded threads, by lane, so that no kind of work starves another
    jobs        the loop: what is due is handed to the workers, what fails is tried again with growing delay
    directory   the manifests of a folder, reloaded as they change
    watching    looks at registries, when they are due or a webhook hints
    heed        what becomes of what was seen: a rollout, or a reason why not
    driving     ticks every rollout under way, and deletes retained groups when their time is over
    presence    the row by which others see that an engine runs on this store
    daemon      all of it joined, from the start to the graceful end

Each job is one key on the agenda and at most one run of it is in flight, so a job needs no lock of its own.
"""
