module github.com/lifeboat-dev/lifeboat/hack/cluster

go 1.26
